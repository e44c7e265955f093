import { posix } from "node:path";
import { error, type Finding, placeOf, type SourceFile, type SourceTree, typeScriptFiles } from "./source-tree.ts";

interface Manifest {
  readonly folder: string;
  readonly name: string;
  readonly dependencies: readonly string[];
  readonly devDependencies: readonly string[];
  readonly exports: readonly string[];
}

interface PackageJson {
  readonly name: string;
  readonly dependencies?: Record<string, string>;
  readonly devDependencies?: Record<string, string>;
  readonly exports?: Record<string, unknown>;
}

const scope = "@jackalope/";
const importPattern = /(?:^|\n)\s*(?:import|export)\s(?:[^"';]*?\sfrom\s)?"([^"]+)"|\bimport\(\s*"([^"]+)"\s*\)/g;

/**
 * The arrows of the house: which packages of ours a package may depend on. Null stands for a package that has no place
 * yet. testkit is for tests: a devDependency of anybody, a dependency of nobody.
 */
function allowedDependencies(name: string): readonly string[] | "all" | null {
  if (name === "core" || name === "ctl") return [];
  if (/^[a-z]+-adapter$/.test(name)) return ["core", "transport"];
  if (/^storage-[a-z]+$/.test(name)) return ["core"];
  if (name === "management") return ["core", "transport"];
  if (name === "transport" || name === "testkit") return ["core"];
  return name === "server" ? "all" : null;
}

/** Dependencies as declared, imports as declared, no package's insides, core with Node alone. */
export function checkLayers(tree: SourceTree): readonly Finding[] {
  const manifests = tree.files.filter((file) => /^packages\/[^/]+\/package\.json$/.test(file.path)).map(readManifest);
  const byName = new Map(manifests.map((manifest) => [manifest.name, manifest]));
  return [
    ...manifests.flatMap(checkManifest),
    ...typeScriptFiles(tree).flatMap((file) => checkImports(file, manifests, byName)),
  ];
}

function readManifest(file: SourceFile): Manifest {
  const json = JSON.parse(file.text) as PackageJson;
  return {
    folder: posix.dirname(file.path),
    name: json.name,
    dependencies: Object.keys(json.dependencies ?? {}),
    devDependencies: Object.keys(json.devDependencies ?? {}),
    exports: Object.keys(json.exports ?? {}),
  };
}

function checkManifest(manifest: Manifest): readonly Finding[] {
  const place = `${manifest.folder}/package.json`;
  const allowed = allowedDependencies(manifest.name.slice(scope.length));
  if (allowed === null) return [error(place, `${manifest.name} has no place in scripts/tidy/layers.ts`)];
  const findings: Finding[] = [];
  for (const name of manifest.dependencies) {
    const ours = name.startsWith(scope) ? name.slice(scope.length) : null;
    if (ours === null && manifest.name === `${scope}core`)
      findings.push(error(place, `core must not depend on ${name}`));
    if (ours === null) continue;
    if (ours === "testkit" || (allowed !== "all" && !allowed.includes(ours))) {
      findings.push(error(place, `${manifest.name} must not depend on ${name}`));
    }
  }
  return findings;
}

function checkImports(
  file: SourceFile,
  manifests: readonly Manifest[],
  byName: ReadonlyMap<string, Manifest>,
): readonly Finding[] {
  const owner = manifests.find((manifest) => file.path.startsWith(`${manifest.folder}/`));
  const findings: Finding[] = [];
  for (const match of file.text.matchAll(importPattern)) {
    const target = match[1] ?? match[2] ?? "";
    const place = placeOf(file, match.index + match[0].length);
    const fault = target.startsWith(".")
      ? relativeFault(file, target, owner)
      : target.startsWith(scope)
        ? packageFault(file, target, owner, byName)
        : null;
    if (fault !== null) findings.push(error(place, fault));
  }
  return findings;
}

function relativeFault(file: SourceFile, target: string, owner: Manifest | undefined): string | null {
  const path = posix.join(posix.dirname(file.path), target);
  if (owner !== undefined) return path.startsWith(`${owner.folder}/`) ? null : `${target} leaves the package`;
  return path.startsWith("packages/") ? `${target} reaches into a package: import it by its name` : null;
}

function packageFault(
  file: SourceFile,
  target: string,
  owner: Manifest | undefined,
  byName: ReadonlyMap<string, Manifest>,
): string | null {
  const [, short = "", ...rest] = target.split("/");
  const name = scope + short;
  const imported = byName.get(name);
  if (imported === undefined) return `there is no package ${name}`;
  const subpath = rest.length === 0 ? "." : `./${rest.join("/")}`;
  if (!imported.exports.includes(subpath)) return `${target} is not exported by ${name}`;
  if (owner === undefined || owner === imported) return null;
  const isTest = file.path.startsWith(`${owner.folder}/test/`);
  const declared = isTest ? [...owner.dependencies, ...owner.devDependencies] : owner.dependencies;
  return declared.includes(name) ? null : `${name} is not declared in ${owner.folder}/package.json`;
}
