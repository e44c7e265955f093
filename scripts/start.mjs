// `npm start`: sets up where needed, then becomes the broker in this very process, so that a signal sent to npm reaches
// the broker and nothing stands between them.
import { setUp } from "./workspace-setup.mjs";

setUp({ ifNeeded: true });
await import("../bin/jackalope");
