// The process of one attacker: the name of the attack and the scene come as arguments, figures and the outcome go to the
// parent. Ends with its parent, and where it takes far too long.
import type { Scene } from "./attack.ts";
import { attackNamed } from "./attacks/index.ts";

/** What an attacker tells. */
export type AttackerMessage =
  | { readonly kind: "note"; readonly text: string }
  | { readonly kind: "done" }
  | { readonly kind: "failed"; readonly text: string };

const [name = "", sceneText = "{}"] = process.argv.slice(2);

function tell(message: AttackerMessage, then: () => void = () => undefined): void {
  if (process.connected) process.send?.(message, then);
  else process.exit(1);
}

process.on("disconnect", () => process.exit(1));
const scene: Scene = {
  ...(JSON.parse(sceneText) as Omit<Scene, "note">),
  note: (text) => tell({ kind: "note", text }),
};
try {
  await attackNamed(name).run(scene);
  tell({ kind: "done" }, () => process.exit(0));
} catch (error) {
  tell({ kind: "failed", text: (error as Error).message }, () => process.exit(1));
}
