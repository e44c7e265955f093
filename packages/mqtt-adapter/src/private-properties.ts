/** Begins native properties of messages whose topic the routing key does not tell: followed by the topic, as a string. */
export const exactTopicProperty = 0x7f;
