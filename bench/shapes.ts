/** What benches ask beside plain text: an image, tools, a schema. */

/** 200 kB of base64 that begins as a PNG does, which is all that anyone looks at. */
export const inlineImage = Buffer.concat([
  Buffer.from('89504e470d0a1a0a', 'hex'),
  Buffer.alloc(150_000 - 8, 'equal terms'),
]).toString('base64');

/** As strict output wants it: closed, everything required, one level of lists and choices. */
export const personSchema = {
  type: 'object',
  properties: {
    name: { type: 'string', description: 'As on the passport.' },
    age: { type: 'integer' },
    kind: { type: 'string', enum: ['customer', 'provider', 'operator'] },
    addresses: {
      type: 'array',
      items: {
        type: 'object',
        properties: { street: { type: 'string' }, city: { type: 'string' }, zip: { type: ['string', 'null'] } },
        required: ['street', 'city', 'zip'],
        additionalProperties: false,
      },
    },
  },
  required: ['name', 'age', 'kind', 'addresses'],
  additionalProperties: false,
} as const;

export const toolNames = Array.from({ length: 12 }, (_, index) => `lookup_${index}`);

export type Shape = 'text' | 'image' | 'tools' | 'schema' | 'thinking';
export type Path = 'chat' | 'messages';

/** What a shape adds to a small request of a dialect; in front, so that an image is not the last thing said. */
export function shapeFields(shape: Shape, path: Path, text: string): Readonly<Record<string, unknown>> {
  const isChat = path === 'chat';
  switch (shape) {
    case 'text':
      return {};
    case 'image': {
      const image = isChat
        ? { type: 'image_url', image_url: { url: `data:image/png;base64,${inlineImage}` } }
        : { type: 'image', source: { type: 'base64', media_type: 'image/png', data: inlineImage } };
      return { messages: [{ role: 'user', content: [image, { type: 'text', text }] }] };
    }
    case 'tools':
      return {
        tools: toolNames.map(name =>
          isChat
            ? { type: 'function', function: { name, parameters: personSchema } }
            : { name, input_schema: personSchema },
        ),
      };
    case 'schema':
      return isChat
        ? {
            response_format: {
              type: 'json_schema',
              json_schema: { name: 'person', strict: true, schema: personSchema },
            },
          }
        : { output_config: { format: { type: 'json_schema', schema: personSchema } } };
    case 'thinking':
      return isChat
        ? { reasoning_effort: 'low', max_completion_tokens: 8_000 }
        : { thinking: { type: 'enabled', budget_tokens: 4_096 }, max_tokens: 8_000 };
  }
}
