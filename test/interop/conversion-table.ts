import { deliveryRows } from "./conversion/delivery-rows.ts";
import { headerRows } from "./conversion/header-rows.ts";
import { originRows } from "./conversion/origin-rows.ts";
import { propertyRows } from "./conversion/property-rows.ts";
import { replyRows } from "./conversion/reply-rows.ts";
import type { Row } from "./conversion/rows.ts";

/** Rows that belong together. */
export interface Section {
  readonly title: string;
  readonly rows: readonly Row[];
}

/**
 * What becomes of a message between the protocols: the tests send and receive every cell of it with other people's
 * clients, and docs/conversion.md is made from it.
 */
export const conversionTable: readonly Section[] = [
  { title: "Properties", rows: propertyRows },
  { title: "Safety", rows: deliveryRows },
  { title: "Headers and user properties", rows: headerRows },
  { title: "Replies", rows: replyRows },
  { title: "Origin", rows: originRows },
];
