import type { Clock, Logger } from "@jackalope/core";
import { defaultDoorLimits, Door } from "@jackalope/transport";
import type { Config } from "./config/config.ts";
import { descriptorLimit } from "./descriptor-limit.ts";

/** What a process with hardly any descriptors takes all the same. */
const socketsMin = 16;

/** The way in of a process, as wide as its settings and its descriptors allow. */
export function openDoor(
  config: Pick<Config, "connectionsMax" | "unauthenticatedPerAddressMax">,
  clock: Clock,
  logger: Logger,
  descriptors: number | null = descriptorLimit(),
): Door {
  const { connectionsMax, unauthenticatedPerAddressMax } = config;
  const descriptorsMax =
    descriptors === null ? null : Math.max(descriptors - defaultDoorLimits.descriptorReserve, socketsMin);
  if (descriptorsMax !== null && descriptorsMax < connectionsMax) {
    logger.info(
      { connectionsMax, descriptors, sockets: descriptorsMax },
      "the limit on open files (ulimit -n) allows fewer connections than connections-max",
    );
  }
  return new Door({ clock, logger, connectionsMax, descriptorsMax, unauthenticatedPerAddressMax });
}
