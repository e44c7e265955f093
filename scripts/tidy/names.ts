import { posix } from "node:path";
import { error, type Finding, placeOf, type SourceFile, type SourceTree, typeScriptFiles } from "./source-tree.ts";

/** "Shared" alone is vague; MQTT has shared subscriptions. */
const vagueName = /(^|-)(utils?|helpers?|common|misc|shared(?!-)|stuff)(-|\.|$)/;
const defaultExport = /^export default\b|^export \{[^}]*\bas default\b/m;
const enumeration = /^\s*(?:export\s+)?(?:declare\s+)?(?:const\s+)?enum\s+\w/m;
/** Tools that insist on a default export. */
const configFile = /(^|\/)[a-z]+\.config\.ts$/;

/** Files are named for their one idea; exports have names; closed sets are unions of words, not enums. */
export function checkNames(tree: SourceTree): readonly Finding[] {
  return typeScriptFiles(tree).flatMap(checkFile);
}

function checkFile(file: SourceFile): readonly Finding[] {
  const findings: Finding[] = [];
  if (vagueName.test(posix.basename(file.path))) findings.push(error(file.path, "name the file for what is in it"));
  const exported = configFile.test(file.path) ? null : defaultExport.exec(file.text);
  if (exported !== null) findings.push(error(placeOf(file, exported.index), "no default exports"));
  const closed = enumeration.exec(file.text);
  if (closed !== null) findings.push(error(placeOf(file, closed.index + 1), "no enums: use a union of literals"));
  return findings;
}
