import { depthMax, likesMax } from "./selector/parse-selector.ts";

/** Bounds that nobody can set, each where it is looked at; here for documentation, which is made from them. */
export const fixedStompLimits: { readonly selectorDepthMax: number; readonly selectorLikesMax: number } = {
  selectorDepthMax: depthMax,
  selectorLikesMax: likesMax,
};
