/** What was measured of clients that have not logged in, as a section of docs/limits.md. */
export const costOfStrangers = `### What a stranger costs

Measured with 300 clients of a kind at a time that have not logged in, Node 20.20, the allocator's variables of \`npm start\`, in
KiB a client after a collection. Alive is the heap in use and the buffers beside it. Resident memory has the holes besides that
the allocator keeps, which later clients fill (of 1,200 clients it was 48 KiB each where of 300 it was 84), and the memory of
OpenSSL and of Node's TLS. While a chunk of 64 KiB waits for its turn, it is added.

| what has come of the client | alive | resident |
|---|---|---|
| nothing; half an HTTP head; a WebSocket | 4 to 6 | 1 to 15 |
| 16 KiB of HTTP head in 1,700 headers | 48 | 38 |
| a frame of AMQP, 8 KiB | 13 to 15 | 14 |
| head and body of STOMP, 31 KiB, at once or in pieces | 36 | 52 to 55 |
| the same behind 60,000 heart-beats | 36 | 84 |
| a CONNECT of MQTT, 32 KiB, at once or in pieces | 37 | 55 |
| the same over WebSocket in fragments of a byte | 32 to 45 | 56 to 94 |
| a ClientHello of TLS, 8 KiB; 16 KiB | 5 | 52; 78 |
| TLS, and the same of STOMP in it | 37 | 84 |
| TLS, and the same of MQTT in it, over WebSocket or not | 40 | 120 to 130 |
| a ClientHello that says it will have 128 KiB; most of it | 5 | 157; 233 |

Over TLS more than 64 KiB can become resident: OpenSSL takes a ClientHello of 128 KiB and makes room for it when it begins, and
Node keeps the buffer that it has read a client's records into. There is no setting of either for that. Where strangers
reach a port with TLS and memory is short, \`unauthenticated-per-address-max\` is the bound.
`;
