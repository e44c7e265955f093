import { spawnSync } from "node:child_process";
import { fileURLToPath } from "node:url";

/** Debian's own Python first: modules of Debian packages are there, and perhaps not in another one on the PATH. */
const interpreters = ["/usr/bin/python3", "python3"] as const;
const debianPerl = "/usr/bin/perl";

/** The Python that has `module`. Fails, and names the Debian package, where none has. */
export function pythonWith(module: string, debianPackage: string): string {
  for (const interpreter of interpreters) {
    if (spawnSync(interpreter, ["-c", `import ${module}`], { stdio: "ignore" }).status === 0) return interpreter;
  }
  throw new Error(`these tests need the Python module ${module}: install Debian's ${debianPackage}, or run npm test`);
}

/** The Perl that has `module`. Fails, and names the Debian package, where it has not. */
export function perlWith(module: string, debianPackage: string): string {
  if (spawnSync(debianPerl, [`-M${module}`, "-e", "1"], { stdio: "ignore" }).status === 0) return debianPerl;
  throw new Error(`these tests need the Perl module ${module}: install Debian's ${debianPackage}, or run npm test`);
}

/** Fails, and names the Debian package, where there is no such command. */
export function requireCommand(command: string, debianPackage: string): void {
  const { error } = spawnSync(command, ["--help"], { stdio: "ignore" });
  if (error === undefined) return;
  throw new Error(`these tests need the command ${command}: install Debian's ${debianPackage}, or run npm test`);
}

/** The path of a script in test/python. */
export function pythonScript(name: string): string {
  return fileURLToPath(new URL(`../python/${name}`, import.meta.url));
}
