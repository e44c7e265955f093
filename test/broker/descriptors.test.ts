import { execFileSync } from "node:child_process";
import { readdirSync } from "node:fs";
import { connect, type Socket } from "node:net";
import { connect as connectAmqp } from "amqplib";
import { expect, onTestFinished, test } from "vitest";
import { type BrokerProcess, startBrokerProcess, temporaryDataDir } from "../harness/broker-process.ts";
import { waitFor } from "../harness/waiting.ts";

/** Clients that say nothing, over all listeners by turns. */
function silentClients(broker: BrokerProcess, count: number): readonly Socket[] {
  const { amqpPort, mqttPort, stompWsPort, managementPort } = broker;
  const ports = [amqpPort, mqttPort, stompWsPort, managementPort];
  const sockets = Array.from({ length: count }, (_, index) =>
    connect({ port: ports[index % ports.length] ?? 0, host: "127.0.0.1" }).on("error", () => undefined),
  );
  onTestFinished(() => {
    for (const socket of sockets) socket.destroy();
  });
  return sockets;
}

test("silent connections up to the limit of open files cost neither the broker nor those it serves", async () => {
  const descriptors = 300;
  const quick = ["--handshake-timeout", "60s"];
  const broker = await startBrokerProcess(await temporaryDataDir(), quick, 30_000, descriptors);
  const amqp = await connectAmqp(broker.url);
  onTestFinished(() => amqp.close());
  const channel = await amqp.createConfirmChannel();
  await channel.assertQueue("kept");
  const silent = silentClients(broker, 2 * descriptors);
  const refused = 'jackalope_sockets_refused_total{reason="descriptors"}';
  await waitFor("sockets to be refused", async () => ((await broker.metric(refused)) > descriptors ? true : null));
  // Who was there is served, to the disk and back; and the broker says that it is well.
  channel.sendToQueue("kept", Buffer.alloc(100_000), { persistent: true });
  await channel.waitForConfirms();
  expect(await channel.get("kept", { noAck: true })).not.toBe(false);
  expect((await fetch(`http://127.0.0.1:${broker.managementPort}/health/ready`)).status).toBe(200);
  // Sockets that are one too many do not each have a line.
  const lines = broker.log.split("\n").filter((line) => line.includes("connections refused at the door"));
  expect(lines.length).toBeGreaterThan(0);
  expect(lines.length).toBeLessThan(10);
  for (const socket of silent) socket.destroy();
  await waitFor("a new client", async () => {
    const client = await connectAmqp(broker.url).catch(() => null);
    await client?.close();
    return client;
  });
});

test("a system that has no descriptor left refuses the newest, and the broker goes on", async () => {
  const broker = await startBrokerProcess(await temporaryDataDir());
  const { pid } = broker.child;
  const amqp = await connectAmqp(broker.url);
  onTestFinished(() => amqp.close());
  const limit = (soft: number): void => {
    execFileSync("prlimit", ["--pid", String(pid), `--nofile=${soft}:`]);
  };
  limit(readdirSync(`/proc/${pid}/fd`).length + 4);
  const silent = silentClients(broker, 40);
  await waitFor("sockets to be closed", () => (silent.filter(({ closed }) => closed).length > 20 ? true : null));
  const channel = await amqp.createChannel();
  expect((await channel.assertQueue("q", { durable: false })).queue).toBe("q");
  limit(1024);
  for (const socket of silent) socket.destroy();
  const client = await connectAmqp(broker.url);
  await client.close();
});
