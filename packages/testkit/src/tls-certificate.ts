/** A self-signed certificate for localhost, made for the tests and good for nothing else. */
export const certificate: string = `-----BEGIN CERTIFICATE-----
MIIBfjCCASWgAwIBAgIUUTqNSHgARLQr3MfGTMETuL4uPUswCgYIKoZIzj0EAwIw
FDESMBAGA1UEAwwJbG9jYWxob3N0MCAXDTI2MTEyMTIyNTIwNFoYDzIxMjYxMDI4
MjI1MjA0WjAUMRIwEAYDVQQDDAlsb2NhbGhvc3QwWTATBgcqhkjOPQIBBggqhkjO
PQMBBwNCAATPLimQi31zuCYvJP9+ykBtGYmlesRIWES0no275BulL6mWo8FCbOUE
N48QZJ8l2MkvelLb5A3UjheOWZj+4PrCo1MwUTAdBgNVHQ4EFgQUONDq7YDj3gWp
kYT9FR/rzS0ME5gwHwYDVR0jBBgwFoAUONDq7YDj3gWpkYT9FR/rzS0ME5gwDwYD
VR0TAQH/BAUwAwEB/zAKBggqhkjOPQQDAgNHADBEAiAUFfldJQNjiS8fPR+LNJ6P
J+qydamFc7sU3OOeXwlW1wIgTj/6DmbbLn3wam+IBkoVTzSf3u3D8/3p1OvodcSY
Lx8=
-----END CERTIFICATE-----
`;

/** The key of `certificate`. */
export const privateKey: string = `-----BEGIN PRIVATE KEY-----
MIGHAgEAMBMGByqGSM49AgEGCCqGSM49AwEHBG0wawIBAQQgoPdsasUCVtkZPyb+
y2fCZY2h61i37GKIN5X+Sq8X4W2hRANCAATPLimQi31zuCYvJP9+ykBtGYmlesRI
WES0no275BulL6mWo8FCbOUEN48QZJ8l2MkvelLb5A3UjheOWZj+4PrC
-----END PRIVATE KEY-----
`;

/** A client's certificate with the common name "device-1", signed by `certificate`. */
export const clientCertificate: string = `-----BEGIN CERTIFICATE-----
MIIBIzCBygIUSLN6s1NgxpJOStTqTBg2Jo/yrGcwCgYIKoZIzj0EAwIwFDESMBAG
A1UEAwwJbG9jYWxob3N0MCAXDTI2MTEyMjAxMDcyMFoYDzIxMjYxMDI5MDEwNzIw
WjATMREwDwYDVQQDDAhkZXZpY2UtMTBZMBMGByqGSM49AgEGCCqGSM49AwEHA0IA
BJtFiqTZUTr47vqa93SZYMrPeOvMKekL2wFPgfYvPGaXC3OBW9gM75lf3VPbGr5h
h+Hz1c633tbnxI9SYDLKBIowCgYIKoZIzj0EAwIDSAAwRQIgSfYydvQDSU91Srrr
bfeIdjY3XeQG2t4ITBS4b7LD63ECIQDAAXMP3JRbsBm+t0ncw2tKzLkzUE56tTm/
qnek9mYT2w==
-----END CERTIFICATE-----
`;

/** The key of `clientCertificate`. */
export const clientPrivateKey: string = `-----BEGIN PRIVATE KEY-----
MIGHAgEAMBMGByqGSM49AgEGCCqGSM49AwEHBG0wawIBAQQgevtul+zzXdngQNqW
QRvWeogRBa3VcZVJ/2n4w5gj+SKhRANCAASbRYqk2VE6+O76mvd0mWDKz3jrzCnp
C9sBT4H2LzxmlwtzgVvYDO+ZX91T2xq+YYfh89XOt97W58SPUmAyygSK
-----END PRIVATE KEY-----
`;
