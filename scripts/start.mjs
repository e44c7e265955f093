// `npm start`: sets up where needed, then becomes the broker in this very process, so that a signal sent to npm reaches
// the broker and nothing stands between them.
//
// The script in package.json sets glibc's allocator before the process begins: buffers as large as a socket's read are
// mapped by themselves, so that the system has their memory back when they are freed (docs/alarms.md).

import { setUp } from "./workspace-setup.mjs";

setUp({ ifNeeded: true });
await import("../bin/jackalope");
