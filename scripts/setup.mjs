// `npm run setup`: installs and builds. With --if-needed it does only what changed since the last time.
import { setUp } from "./workspace-setup.mjs";

setUp({ ifNeeded: process.argv.includes("--if-needed") });
