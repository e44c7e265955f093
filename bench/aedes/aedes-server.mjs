// Aedes as its documentation starts it, on a TCP socket: everything in memory. One limit is lifted: a publisher may have any
// number of QoS 2 messages under way, as with the other peers; at its default of 1,000 it closes the connection.
// Usage: PORT=1883 node aedes-server.mjs
import { createServer } from "node:net";
import { Aedes } from "aedes";

const broker = await Aedes.createBroker({ maxInflightInbound: 0 });
createServer({ noDelay: true }, broker.handle).listen(Number(process.env.PORT ?? 1883), "127.0.0.1");
