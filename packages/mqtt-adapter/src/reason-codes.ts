/** Reason codes (MQTT 5, 2.4). Codes below 0x80 are not failures. */
export const reasonCodes = {
  success: 0x00,
  disconnectWithWill: 0x04,
  noMatchingSubscribers: 0x10,
  noSubscriptionExisted: 0x11,
  continueAuthentication: 0x18,
  reAuthenticate: 0x19,
  unspecifiedError: 0x80,
  malformedPacket: 0x81,
  protocolError: 0x82,
  implementationSpecificError: 0x83,
  unsupportedProtocolVersion: 0x84,
  clientIdentifierNotValid: 0x85,
  badUserNameOrPassword: 0x86,
  notAuthorized: 0x87,
  serverUnavailable: 0x88,
  serverBusy: 0x89,
  banned: 0x8a,
  serverShuttingDown: 0x8b,
  badAuthenticationMethod: 0x8c,
  keepAliveTimeout: 0x8d,
  sessionTakenOver: 0x8e,
  topicFilterInvalid: 0x8f,
  topicNameInvalid: 0x90,
  packetIdentifierInUse: 0x91,
  packetIdentifierNotFound: 0x92,
  receiveMaximumExceeded: 0x93,
  topicAliasInvalid: 0x94,
  packetTooLarge: 0x95,
  messageRateTooHigh: 0x96,
  quotaExceeded: 0x97,
  administrativeAction: 0x98,
  payloadFormatInvalid: 0x99,
  retainNotSupported: 0x9a,
  qosNotSupported: 0x9b,
  useAnotherServer: 0x9c,
  serverMoved: 0x9d,
  sharedSubscriptionsNotSupported: 0x9e,
  connectionRateExceeded: 0x9f,
  maximumConnectTime: 0xa0,
  subscriptionIdentifiersNotSupported: 0xa1,
  wildcardSubscriptionsNotSupported: 0xa2,
} as const;

/** CONNACK return codes (MQTT 3.1.1, table 3.1). */
const connectReturnCodes = {
  accepted: 0,
  unacceptableProtocolVersion: 1,
  identifierRejected: 2,
  serverUnavailable: 3,
  badUserNameOrPassword: 4,
  notAuthorized: 5,
} as const;

/**
 * The CONNACK return code that says to a client of MQTT 3.1 or 3.1.1 what `reasonCode` says in MQTT 5; null where there is
 * none, and the connection is closed without a CONNACK.
 */
export function connectReturnCode(reasonCode: number): number | null {
  switch (reasonCode) {
    case reasonCodes.success:
      return connectReturnCodes.accepted;
    case reasonCodes.unsupportedProtocolVersion:
      return connectReturnCodes.unacceptableProtocolVersion;
    case reasonCodes.clientIdentifierNotValid:
      return connectReturnCodes.identifierRejected;
    case reasonCodes.serverUnavailable:
    case reasonCodes.serverBusy:
    case reasonCodes.serverShuttingDown:
    case reasonCodes.quotaExceeded:
    case reasonCodes.connectionRateExceeded:
      return connectReturnCodes.serverUnavailable;
    case reasonCodes.badUserNameOrPassword:
    case reasonCodes.badAuthenticationMethod:
      return connectReturnCodes.badUserNameOrPassword;
    case reasonCodes.notAuthorized:
    case reasonCodes.banned:
      return connectReturnCodes.notAuthorized;
    default:
      return null;
  }
}

/** The same reason for CONNACK, which does not have all codes of DISCONNECT (MQTT 5, table 3-1). */
export function connackReason(reasonCode: number): number {
  switch (reasonCode) {
    case reasonCodes.serverShuttingDown:
      return reasonCodes.serverUnavailable;
    case reasonCodes.sessionTakenOver:
    case reasonCodes.administrativeAction:
      return reasonCodes.unspecifiedError;
    default:
      return reasonCode;
  }
}
