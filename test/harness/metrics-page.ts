/** The value of a line of a broker's metrics page: a name, with its labels where it has any. */
export async function metricOf(managementPort: number | null, line: string): Promise<number> {
  const page = await (await fetch(`http://127.0.0.1:${managementPort}/metrics`)).text();
  const found = page.split("\n").find((candidate) => candidate.startsWith(`${line} `));
  if (found === undefined) throw new Error(`no ${line} on the page of metrics:\n${page}`);
  return Number(found.slice(line.length));
}
