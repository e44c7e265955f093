#!/usr/bin/env node
// The jackalope command.
import { runProcess } from "./run-process.ts";

await runProcess(process.argv.slice(2), process.env);
