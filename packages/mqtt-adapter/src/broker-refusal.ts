import type { BrokerError, BrokerErrorCode } from "@jackalope/core/adapter";
import { MqttError } from "./mqtt-error.ts";
import { reasonCodes } from "./reason-codes.ts";

const reasonOf = {
  "access-refused": reasonCodes.notAuthorized,
  "not-found": reasonCodes.implementationSpecificError,
  "resource-locked": reasonCodes.implementationSpecificError,
  "precondition-failed": reasonCodes.implementationSpecificError,
  "quota-exceeded": reasonCodes.quotaExceeded,
  "not-allowed": reasonCodes.implementationSpecificError,
  "not-implemented": reasonCodes.implementationSpecificError,
  "command-invalid": reasonCodes.protocolError,
  "resource-error": reasonCodes.quotaExceeded,
  "internal-error": reasonCodes.unspecifiedError,
} as const satisfies Record<BrokerErrorCode, number>;

/** What the core refused, in MQTT's terms; `clause` is what the answer follows. */
export function brokerRefusal(error: BrokerError, clause: string): MqttError {
  return new MqttError(reasonOf[error.code], clause, error.message);
}
