/** Where a broker listens. */
export interface Ports {
  readonly amqpPort: number;
  readonly mqttPort: number;
  readonly mqttWsPort: number;
  readonly stompPort: number;
  readonly stompWsPort: number;
  readonly managementPort: number;
}
