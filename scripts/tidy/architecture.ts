import { error, type Finding, type SourceFile, type SourceTree, typeScriptFiles } from "./source-tree.ts";

const heading = /^#+ .*\bway of a message\b.*$/im;
/** `Session.onFrame`, `onDurable`, `encode*`. */
const codeName = /^(?:([A-Z]\w*)\.)?#?([A-Za-z]\w*)(\*?)(?:\(\))?$/;

/** Every name in `code` in ARCHITECTURE.md's way of a message must exist in the packages' sources. */
export function checkArchitecture(tree: SourceTree): readonly Finding[] {
  const page = tree.files.find((file) => file.path === "ARCHITECTURE.md");
  if (page === undefined) return [error("ARCHITECTURE.md", "the page is missing")];
  const start = heading.exec(page.text);
  if (start === null) return [error(page.path, 'there is no section "The way of a message"')];
  const section = page.text.slice(start.index + start[0].length).split(/^#+ /m, 1)[0] ?? "";
  const names = [...section.matchAll(/`([^`\n]+)`/g)]
    .map((match) => match[1] ?? "")
    .filter((name) => codeName.test(name));
  if (names.length === 0) return [error(page.path, "the way of a message names no function")];
  const sources = typeScriptFiles(tree).filter((file) => /^packages\/[^/]+\/src\//.test(file.path));
  const missing = [...new Set(names)].filter((name) => !isDeclared(sources, name));
  return missing.map((name) => error(page.path, `\`${name}\` is not in the sources any more`));
}

/** True where some class or interface (or anything at all, without an owner) has the member or function. */
function isDeclared(sources: readonly SourceFile[], name: string): boolean {
  const [, owner, member = "", wildcard] = codeName.exec(name) ?? [];
  if (owner === undefined) return sources.some((file) => declares(file, member, wildcard === "*"));
  const declaration = new RegExp(`\\b(?:class|interface|type) ${owner}\\b(?: (?:extends|implements) (\\w+))?`);
  return sources.some((file) => {
    const found = declaration.exec(file.text);
    if (found === null) return false;
    if (declares(file, member, wildcard === "*")) return true;
    return found[1] !== undefined && isDeclared(sources, `${found[1]}.${member}`);
  });
}

function declares(file: SourceFile, member: string, isPrefix: boolean): boolean {
  const word = `\\b${member}${isPrefix ? "\\w*" : ""}`;
  // A method or call signature, a function, a constant, a type, or a member that holds a function.
  const declaration = `^\\s*(?:[a-z]+ )*(?:get |\\*)?#?${word}\\??(?:<[^>]*>)?[(:=]|^\\s*readonly #?${word}\\??[:=]`;
  const definition = `\\b(?:function|const|class|interface|type) ${word}\\b`;
  return new RegExp(`${declaration}|${definition}`, "m").test(file.text);
}
