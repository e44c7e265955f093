import { kebabName, variableName } from "./config.ts";
import { configKeys, configNames } from "./config-keys.ts";

const introduction = `<!-- Made from packages/server/src/config by \`npm run docs\`. Change it there. -->

# Configuration

Every setting may be given in three ways. A flag wins over a variable, a variable over the file, the file over the
default.

| way | example |
| --- | --- |
| flag | \`jackalope --amqp-port 5673\` |
| environment variable | \`JACKALOPE_AMQP_PORT=5673 jackalope\` |
| TOML file, named by \`--config FILE\` or \`JACKALOPE_CONFIG\` | \`amqp-port = 5673\` |

The names are the same everywhere: in a variable they are in capitals with \`_\` for \`-\` and \`JACKALOPE_\` before them.
A variable that is empty counts as not set. A bad value, or a key of the file that is not on this page, stops the start
with a line that names the key, the value and what is allowed.

\`\`\`toml
# jackalope.toml
data-dir = "/var/lib/jackalope"
bind = ["127.0.0.1", "::1"]
mqtt-port = "off"
memory-high-watermark = "2GiB"
heartbeat = "30s"
\`\`\`

Amounts of bytes are whole numbers or text such as \`"64MiB"\`; time spans are text such as \`"500ms"\` or \`"10s"\`.
`;

/** The text of docs/configuration.md. */
export function configPage(): string {
  const sections = new Map<string, string[]>();
  for (const name of configNames) {
    const { kind, default: standard, section, description } = configKeys[name];
    const entries = sections.get(section) ?? [];
    sections.set(section, entries);
    const flag = `--${kebabName(name)}${kind.placeholder === null ? "" : ` ${kind.placeholder}`}`;
    const format = kind.format as (value: unknown) => string;
    entries.push(
      `### ${kebabName(name)}\n\n${description}\n\n` +
        `- flag \`${flag}\`, variable \`${variableName(name)}\`\n` +
        `- default: \`${format(standard)}\`\n- allowed: ${kind.allowed}\n`,
    );
  }
  const text = [...sections].map(([section, entries]) => `\n## ${section}\n\n${entries.join("\n")}`);
  return introduction + text.join("");
}
