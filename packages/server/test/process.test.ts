import { type ChildProcess, execFileSync, spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { connect as connectTls } from "node:tls";
import { fileURLToPath } from "node:url";
import { certificate, clientCertificate, clientPrivateKey, privateKey } from "@jackalope/testkit";
import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import { closeOk, greetedClient, openClient, serverClose } from "./raw-client.ts";

/** Runs what `npm run build` made: Node 20 cannot run TypeScript. */
const jackalope = fileURLToPath(new URL("../../../bin/jackalope", import.meta.url));

interface LogLine {
  readonly level: string;
  readonly msg: string;
  readonly amqpPort?: number;
  readonly managementPort?: number;
  readonly amqpTlsPort?: number;
}

/** The name in the certificate that a port shows. */
async function shownName(port: number): Promise<string> {
  const socket = connectTls({ port, host: "127.0.0.1", rejectUnauthorized: false });
  await once(socket, "secureConnect");
  const name = String(socket.getPeerCertificate().subject.CN);
  socket.destroy();
  return name;
}

class Process {
  readonly child: ChildProcess;
  readonly ended: Promise<{ code: number | null; signal: NodeJS.Signals | null }>;
  #output = "";
  errors = "";

  constructor(args: readonly string[], variables: Readonly<Record<string, string>>) {
    // The tests themselves run under npm, and perhaps with settings for another broker.
    const inherited = Object.entries(process.env).filter(([name]) => !/^(npm_|JACKALOPE_)/.test(name));
    const env = { ...Object.fromEntries(inherited), ...variables };
    this.child = spawn(process.execPath, [jackalope, ...args], { env, cwd: folder, stdio: ["ignore", "pipe", "pipe"] });
    this.child.stdout?.on("data", (chunk: Buffer) => {
      this.#output += chunk.toString();
    });
    this.child.stderr?.on("data", (chunk: Buffer) => {
      this.errors += chunk.toString();
    });
    this.ended = new Promise((resolve) => this.child.on("close", (code, signal) => resolve({ code, signal })));
  }

  get log(): readonly LogLine[] {
    const lines = this.#output.split("\n").slice(0, -1);
    return lines.map((line) => JSON.parse(line) as LogLine);
  }

  line(text: string): LogLine | undefined {
    return this.log.find((line) => line.msg === text);
  }

  /** Throws while there is none. */
  existing(text: string): LogLine {
    const line = this.line(text);
    if (line === undefined) throw new Error(`not logged: ${text}`);
    return line;
  }

  /** The `ready` line. */
  ready(): Promise<LogLine> {
    return vi.waitFor(
      () => {
        const line = this.line("ready");
        if (line === undefined) throw new Error(`not ready: ${this.#output}${this.errors}`);
        return line;
      },
      { timeout: 10_000, interval: 10 },
    );
  }
}

let folder: string;
let processes: Process[];

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "jackalope-process-"));
  processes = [];
});

afterEach(async () => {
  for (const { child, ended } of processes) {
    child.kill("SIGKILL");
    await ended;
  }
  rmSync(folder, { recursive: true });
});

function run(args: readonly string[], variables: Readonly<Record<string, string>> = {}): Process {
  const started = new Process(args, variables);
  processes.push(started);
  return started;
}

const portFlags = ["amqp", "mqtt", "mqtt-ws", "stomp", "stomp-ws", "management"].flatMap((name) => [
  `--${name}-port`,
  "0",
]);
const freePorts = ["--bind", "127.0.0.1", ...portFlags];

describe("the jackalope command", () => {
  test("logs one line `ready` with the ports when every listener accepts", async () => {
    const broker = run(freePorts);
    const { amqpPort, managementPort } = await broker.ready();
    (await greetedClient(amqpPort as number)).destroy();
    const response = await fetch(`http://127.0.0.1:${managementPort}/health/ready`);
    expect(response.status).toBe(200);
    expect(broker.log.filter((line) => line.msg === "ready")).toHaveLength(1);
  });

  test("says in one line that the disk did not take the last commit", async () => {
    const broker = run(freePorts);
    await broker.ready();
    // From here on every write to a file fails with EFBIG.
    execFileSync("prlimit", ["--pid", String(broker.child.pid), "--fsize=0"]);
    broker.child.kill("SIGTERM");
    expect(await broker.ended).toEqual({ code: 1, signal: null });
    expect(broker.errors).toBe("");
    expect(broker.log.at(-1)).toMatchObject({ level: "error", error: expect.stringContaining("EFBIG") });
    expect(broker.log.at(-1)?.msg).toContain("the store could not be written");
  });

  test("keeps its data in ./data unless told otherwise", async () => {
    await run(freePorts).ready();
    expect(existsSync(join(folder, "data"))).toBe(true);
  });

  test("takes settings from flags, variables and a file", async () => {
    writeFileSync(join(folder, "jackalope.toml"), 'store = "memory"\nbind = "127.0.0.1"\namqp-port = 1\n');
    const variables = { JACKALOPE_AMQP_PORT: "0", JACKALOPE_MANAGEMENT_PORT: "5", JACKALOPE_STOMP_PORT: "off" };
    const closed = ["management", "mqtt", "mqtt-ws", "stomp-ws"].flatMap((name) => [`--${name}-port`, "off"]);
    const flags = ["--config", "jackalope.toml", ...closed];
    const broker = run(flags, variables);
    const ready = await broker.ready();
    expect(ready).toMatchObject({ managementPort: null, stompPort: null, stompTlsPort: null, store: "memory" });
    expect(ready.amqpPort).toBeGreaterThan(1);
    expect(existsSync(join(folder, "data"))).toBe(false);
  });

  test("warns of a variable that means nothing", async () => {
    const broker = run(freePorts, { JACKALOPE_AMQP_PROT: "1" });
    await broker.ready();
    expect(broker.line("no such setting")).toMatchObject({ level: "warn", variable: "JACKALOPE_AMQP_PROT" });
  });

  test("--help shows every flag with its default, --version the version", async () => {
    const help = spawn(process.execPath, [jackalope, "--help"]);
    let text = "";
    help.stdout.on("data", (chunk: Buffer) => {
      text += chunk.toString();
    });
    expect(await new Promise((resolve) => help.on("close", resolve))).toBe(0);
    expect(text).toMatch(/--amqp-port <N\|off>\s+Port for AMQP 0-9-1\.\s+Default: 5672/);
    expect(await run(["--version"]).ended).toEqual({ code: 0, signal: null });
  });
});

describe("what keeps it from starting is one line and exit code 1", () => {
  test.each([
    [["--amqp-port", "x"], /^jackalope: amqp-port: "x" is not allowed \(flag --amqp-port\); allowed: .*\n$/],
    [["--data-dir", "/dev/null/x"], /^jackalope: data-dir: cannot use \/dev\/null\/x: .*\n$/],
    [["--data-dir", "/proc/x/y"], /^jackalope: data-dir: cannot use \/proc\/x\/y: .*\n$/],
    [["--store", "redis://u:p/w@h/x"], /^jackalope: store: "redis:\/\/…@h\/x" is not allowed \(flag --store\); .*\n$/],
    [["--store", "redis://h", "--cluster-name", "a{b}"], /^jackalope: cluster-name: "a\{b\}" is not allowed .*\n$/],
    [["--config", "none.toml"], /^jackalope: config: cannot read none\.toml: .*\n$/],
    [["--amqp-prot", "1"], /^error: unknown option '--amqp-prot'\n\(Did you mean --amqp-port\?\)\n$/],
  ])("%j", async (args, expected) => {
    const broker = run([...freePorts, ...args]);
    expect(await broker.ended).toEqual({ code: 1, signal: null });
    expect(broker.errors).toMatch(expected);
  });

  test("a port in use", async () => {
    const { amqpPort } = await run(freePorts).ready();
    const second = run([...freePorts, "--amqp-port", String(amqpPort), "--data-dir", "other"]);
    expect(await second.ended).toEqual({ code: 1, signal: null });
    expect(second.errors).toBe(`jackalope: amqp-port: port ${amqpPort} on 127.0.0.1 is in use by another program\n`);
  });

  test("a second broker on the data directory", async () => {
    await run(freePorts).ready();
    const second = run(freePorts);
    expect(await second.ended).toEqual({ code: 1, signal: null });
    expect(second.errors).toMatch(/^jackalope: data-dir: .*\n$/);
    expect(second.line("ready")).toBeUndefined();
  });
});

describe("signals", () => {
  test("SIGHUP reads the TLS files anew, and files that are no good change nothing", async () => {
    const [certificatePath, keyPath] = [join(folder, "cert.pem"), join(folder, "key.pem")];
    const write = (cert: string, key: string): void => {
      writeFileSync(certificatePath, cert);
      writeFileSync(keyPath, key);
    };
    write(certificate, privateKey);
    const broker = run([
      ...freePorts,
      "--amqp-tls-port",
      "0",
      "--tls-certificate",
      certificatePath,
      "--tls-key",
      keyPath,
    ]);
    const { amqpTlsPort = 0 } = await broker.ready();
    expect(await shownName(amqpTlsPort)).toBe("localhost");
    write(clientCertificate, privateKey);
    broker.child.kill("SIGHUP");
    const failed = await vi.waitFor(() => broker.existing("cannot use the TLS files; those from before stay"));
    expect(failed).toMatchObject({ level: "error", error: expect.stringContaining("does not fit") });
    expect(await shownName(amqpTlsPort)).toBe("localhost");
    write(clientCertificate, clientPrivateKey);
    broker.child.kill("SIGHUP");
    await vi.waitFor(() => broker.existing("TLS files read again"));
    expect(await shownName(amqpTlsPort)).toBe("device-1");
  });

  test("SIGHUP without TLS files ends nothing", async () => {
    const broker = run(freePorts);
    const client = await openClient((await broker.ready()).amqpPort as number);
    broker.child.kill("SIGHUP");
    await vi.waitFor(() => broker.existing("there are no TLS files to read again"));
    broker.child.kill("SIGTERM");
    expect((await serverClose(client)).code).toBe(320);
    client.end(closeOk);
    expect(await broker.ended).toEqual({ code: 0, signal: null });
  });

  test.each(["SIGTERM", "SIGINT"] as const)("%s tells clients and ends it cleanly", async (signal) => {
    const broker = run(freePorts);
    const client = await openClient((await broker.ready()).amqpPort as number);
    broker.child.kill(signal);
    const { code, text } = await serverClose(client);
    expect(code).toBe(320);
    expect(text).toMatch(/^CONNECTION_FORCED/);
    client.end(closeOk);
    expect(await broker.ended).toEqual({ code: 0, signal: null });
    expect(broker.log.map((line) => line.msg)).toContain("stopped");
    expect(broker.errors).toBe("");
  });

  test("a second signal ends it at once, whoever is still connected", async () => {
    const broker = run(freePorts);
    // This client never answers connection.close, so that the clean end waits for it.
    const client = await openClient((await broker.ready()).amqpPort as number);
    client.on("error", () => {});
    broker.child.kill("SIGTERM");
    await serverClose(client);
    broker.child.kill("SIGTERM");
    expect(await broker.ended).toEqual({ code: 143, signal: null });
    client.destroy();
  });

  test("the data directory is free for the next broker afterwards", async () => {
    const first = run(freePorts);
    await first.ready();
    first.child.kill("SIGTERM");
    await first.ended;
    await run(freePorts).ready();
  });

  test("a kill -9 leaves a data directory that the next broker opens", async () => {
    const first = run(freePorts);
    await first.ready();
    first.child.kill("SIGKILL");
    await first.ended;
    await run(freePorts).ready();
  });
});

describe("an error that nobody expected", () => {
  /** A module that throws in the broker's process at SIGUSR2. */
  const trap = (fault: string): Readonly<Record<string, string>> => ({
    NODE_OPTIONS: `--import=data:text/javascript,${encodeURIComponent(`process.on("SIGUSR2",()=>{${fault}})`)}`,
  });

  test.each([
    ["exception", 'throw new Error("surprise")'],
    ["rejection", 'Promise.reject(new Error("surprise"))'],
  ])("as an %s: the log has all of it, clients are told, and the process ends in order", async (origin, fault) => {
    const broker = run(freePorts, trap(fault));
    const client = await openClient((await broker.ready()).amqpPort as number);
    client.on("error", () => {});
    broker.child.kill("SIGUSR2");
    await serverClose(client);
    client.write(closeOk);
    expect(await broker.ended).toEqual({ code: 1, signal: null });
    client.destroy();
    const line = broker.line("an error that nobody expected: the broker ends");
    expect(line).toMatchObject({ level: "error", origin, error: "surprise", stack: expect.stringContaining("at ") });
    // What was buffered is on disk, and the folder is free.
    await run(freePorts).ready();
  });
});

test("a reader of the log who goes away does not end the broker", async () => {
  const broker = run([...freePorts, "--log-level", "debug"]);
  const { amqpPort } = await broker.ready();
  broker.child.stdout?.destroy();
  for (let round = 0; round < 5; round += 1) (await greetedClient(amqpPort as number)).destroy();
  broker.child.kill("SIGTERM");
  expect(await broker.ended).toEqual({ code: 0, signal: null });
});
