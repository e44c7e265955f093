import { defaultAmqpLimits } from "@jackalope/amqp-adapter";
import { defaultLimits } from "@jackalope/core";
import { defaultMqttLimits } from "@jackalope/mqtt-adapter";
import { defaultStompLimits } from "@jackalope/stomp-adapter";
import { defaultDoorLimits } from "@jackalope/transport";
import { amqpRows } from "./amqp-rows.ts";
import { coreRows } from "./core-rows.ts";
import { costOfStrangers } from "./cost-of-strangers.ts";
import { doorRows } from "./door-rows.ts";
import { fixedRows, fixedValues } from "./fixed-rows.ts";
import { limitTable, settingTable } from "./limit-row.ts";
import { aedesNames, mqttRows } from "./mqtt-rows.ts";
import { stompRows } from "./stomp-rows.ts";

const introduction = `<!-- Made from packages/server/src/limits-page by \`npm run docs\`. Change it there. -->

# Limits

Everything that grows has a named bound. Names with hyphens are settings: flags, variables and keys of the TOML file,
described one by one in [configuration](configuration.md). The others are options of the adapter that the section is about
(\`AmqpLimits\`, \`StompLimits\`, \`MqttLimits\`), for programs that embed one. Names and defaults on this page are those of the code.
`;

/** The text of docs/limits.md. */
export function limitsPage(): string {
  return [
    introduction,
    "## Of the machine\n",
    settingTable([
      {
        setting: "memoryHighWatermark",
        counts: "memory of the broker; a fraction is of what the machine or the control group has",
        atBound: "`connection.blocked`: publishers wait",
      },
      {
        setting: "diskFreeLimit",
        counts: "bytes free on the disk of the data directory, and of the spill folder while something is in it",
        atBound: "`connection.blocked`: publishers wait",
      },
    ]),
    "## Of the broker\n",
    "Where a cell names several answers, they are those of AMQP, STOMP and MQTT.\n",
    limitTable(coreRows, { ...defaultLimits }),
    "What waits in the [spill folder](queues.md#backlogs) is bounded by the free room of its disk. Its files have 16 MiB each;\n" +
      "with more than 64 of them new ones have a 64th of the whole, at most 256 MiB. Where more than 64 MiB and more than three\n" +
      "quarters of their bytes are of messages that nobody needs any more, the others are moved together. Without a spill folder\n" +
      "(an embedded broker that keeps nothing, or `spill-dir` `off`) transient messages and those of transient and exclusive\n" +
      "queues stay in memory, as unacknowledged ones do in any case: their bound is `memory-high-watermark`.\n",
    "## Of the way in\n",
    "Before it has logged in a client keeps 64 KiB of memory alive at most, its socket and its session included. The bounds of\n" +
      "its first frames are in the sections of the protocols; [what it costs](#what-a-stranger-costs) is below. Sockets refused at the door are closed\n" +
      "without a word, as Mosquitto does at its `max_connections`: nothing is known yet of what they speak, MQTT has no packet\n" +
      "before CONNECT, and a client of AMQP would take an answer to a header that it has not sent for another version. They are\n" +
      "a counter, `jackalope_sockets_refused_total`, and at most one log line a second.\n",
    limitTable(doorRows, { ...defaultDoorLimits }),
    costOfStrangers,
    "## Of the AMQP connection\n",
    limitTable(amqpRows, { ...defaultAmqpLimits }),
    "## Of the STOMP connection\n",
    limitTable(stompRows, { ...defaultStompLimits }),
    "## Of the MQTT connection\n",
    "For clients of 3.1 and 3.1.1 the codes are those of [their CONNACK and SUBACK](mqtt.md#reason-codes), and DISCONNECT\n" +
      "is the end of the connection.\n",
    limitTable(mqttRows, { ...defaultMqttLimits }),
    "With `mqtt-engine` `aedes` these of them count (`AedesLimits`): " +
      `${Object.keys(aedesNames)
        .map((name) => `\`${name}\``)
        .join(", ")}.\n`,
    "## Fixed\n",
    limitTable(fixedRows, fixedValues),
  ].join("\n");
}
