import { error, type Finding, type SourceTree, typeScriptFiles } from "./source-tree.ts";

const linesLong = 250;
const linesMax = 500;

/** Files over 500 lines fail, files over 250 are named. oxlint bounds the functions in them. */
export function checkSizes(tree: SourceTree): readonly Finding[] {
  return typeScriptFiles(tree).flatMap((file): readonly Finding[] => {
    const lines = file.text.split("\n").length - 1;
    if (lines > linesMax) return [error(file.path, `${lines} lines, at most ${linesMax} are allowed`)];
    return lines > linesLong ? [{ severity: "warning", place: file.path, text: `${lines} lines` }] : [];
  });
}
