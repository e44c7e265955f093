import { type MessageFormat, type Properties, registerMessageFormat } from "@jackalope/core/adapter";
import { decodeProperties, encodeProperties } from "./property-codec.ts";

/** Quality of service: at most once, at least once, exactly once (MQTT 5, 4.3). */
export type Qos = 0 | 1 | 2;

/**
 * What RETAIN means for a message: `retain`, its publisher set the flag; `retained`, it is a copy from the retained
 * store on its way to a new subscription, whose QoS is the effective one and whose subscription identifier, if there is
 * one, stands among its properties.
 */
export type RetainMark = "none" | "retain" | "retained";

/**
 * Messages as MQTT 5 publishes them: the properties of PUBLISH without their length, byte for byte. 3.1 and 3.1.1 have
 * none. QoS and RETAIN stand in the first byte of the packet and not among the properties, so they are the identity of
 * the format: nine formats, and no message pays a byte for it.
 */
export class MqttFormat implements MessageFormat {
  readonly id: string;
  readonly qos: Qos;
  readonly retain: RetainMark;

  constructor(qos: Qos, retain: RetainMark) {
    this.id = retain === "none" ? `mqtt-${qos}` : `mqtt-${qos}-${retain}`;
    this.qos = qos;
    this.retain = retain;
  }

  toProperties(native: Uint8Array): Properties {
    return decodeProperties(native, this.qos, this.retain !== "none");
  }

  fromProperties(properties: Properties): Buffer {
    return encodeProperties(properties);
  }
}

function formatsOf(retain: RetainMark): readonly MqttFormat[] {
  return ([0, 1, 2] as const).map((qos) => {
    const format = new MqttFormat(qos, retain);
    registerMessageFormat(format);
    return format;
  });
}

const formats: Readonly<Record<RetainMark, readonly MqttFormat[]>> = {
  none: formatsOf("none"),
  retain: formatsOf("retain"),
  retained: formatsOf("retained"),
};

/** The one format of messages with this QoS and RETAIN. */
export function mqttFormat(qos: Qos, retain: RetainMark): MqttFormat {
  return formats[retain][qos] as MqttFormat;
}
