import { posix } from "node:path";
import { error, type Finding, placeOf, type SourceFile, type SourceTree } from "./source-tree.ts";

const linkPattern = /\]\((?!https?:|mailto:)([^)\s#]*)(?:#([^)\s]*))?\)/g;

/** Relative links of every Markdown page lead to a file (or a folder) that is there, and to a heading in it. */
export function checkLinks(tree: SourceTree): readonly Finding[] {
  const byPath = new Map(tree.files.map((file) => [file.path, file]));
  const pages = tree.files.filter((file) => file.path.endsWith(".md"));
  return pages.flatMap((page) => checkPage(page, byPath));
}

function checkPage(page: SourceFile, byPath: ReadonlyMap<string, SourceFile>): readonly Finding[] {
  const findings: Finding[] = [];
  for (const match of proseOf(page.text).matchAll(linkPattern)) {
    const [, target = "", anchor] = match;
    const path = target === "" ? page.path : posix.join(posix.dirname(page.path), target).replace(/\/$/, "");
    const place = placeOf(page, match.index);
    const file = byPath.get(path);
    const isFolder = [...byPath.keys()].some((other) => other.startsWith(`${path}/`));
    if (file === undefined && !isFolder) findings.push(error(place, `${target} does not exist`));
    else if (file?.path.endsWith(".md") === true && anchor !== undefined && !anchorsOf(file).has(anchor)) {
      findings.push(error(place, `${path} has no heading #${anchor}`));
    }
  }
  return findings;
}

/** The text with code blanked out, so that line numbers stay. */
function proseOf(text: string): string {
  return text.replace(/^```[\s\S]*?^```|`[^`\n]*`/gm, (code) => code.replace(/[^\n]/g, " "));
}

/** The anchors that a Git forge gives to the headings of a page. */
function anchorsOf(page: SourceFile): ReadonlySet<string> {
  const headings = [...page.text.matchAll(/^#+ +(.*)$/gm)].map((match) => match[1] ?? "");
  const slugs = headings.map((heading) =>
    heading
      .toLowerCase()
      .replace(/[^\p{L}\p{N} _-]/gu, "")
      .trim(),
  );
  return new Set(slugs.map((slug) => slug.replaceAll(" ", "-")));
}
