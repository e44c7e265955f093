import { likeWorkMax } from "./selector/like-pattern.ts";
import { depthMax, likesMax } from "./selector/parse-selector.ts";

/** Bounds that nobody can set, each where it is looked at; here for documentation, which is made from them. */
export const fixedStompLimits: Readonly<
  Record<"selectorDepthMax" | "selectorLikesMax" | "selectorLikeWorkMax", number>
> = {
  selectorDepthMax: depthMax,
  selectorLikesMax: likesMax,
  selectorLikeWorkMax: likeWorkMax,
};
