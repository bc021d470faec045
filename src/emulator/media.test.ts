import assert from 'node:assert/strict';
import { after, before, suite, test } from 'node:test';
import { sendChat, sendMessages } from '../../test/support/emulator-client.ts';
import { type Emulator, startEmulator } from './emulator.ts';

const png = Buffer.from('89504e470d0a1a0a0000000d49484452', 'hex').toString('base64');
const pdf = Buffer.from('%PDF-1.7\n').toString('base64');

suite('the emulator refuses media as the providers do', () => {
  let emulator: Emulator;
  before(async () => {
    emulator = await startEmulator();
  });
  after(() => emulator.stop());

  const chat = async (part: unknown, role = 'user') => {
    const answer = await sendChat(emulator, { model: 'm', messages: [{ role, content: [part] }] });
    return answer.status === 200 ? 'taken' : JSON.parse(answer.text).error.message;
  };
  const messages = async (block: unknown) => {
    const body = { model: 'm', max_tokens: 9, messages: [{ role: 'user', content: [block] }] };
    const answer = await sendMessages(emulator, body);
    return answer.status === 200 ? 'taken' : JSON.parse(answer.text).error.message;
  };

  const chatRows: readonly (readonly [part: object, says: RegExp])[] = [
    [{ type: 'image_url', image_url: { url: `data:image/png;base64,${png}` } }, /^taken$/],
    [{ type: 'image_url', image_url: { url: 'https://x.example/a' } }, /^taken$/],
    [{ type: 'image_url', image_url: { url: `data:application/pdf;base64,${pdf}` } }, /Expected a valid URL/],
    [{ type: 'image_url', image_url: { url: `data:image/png;base64,${pdf}` } }, /unsupported image/],
    [{ type: 'image_url', image_url: { url: 'data:image/png;base64,*' } }, /Invalid base64/],
    [{ type: 'image_url', image_url: {} }, /image_url\.url/],
    [{ type: 'file', file: { filename: 'a.pdf', file_data: `data:application/pdf;base64,${pdf}` } }, /^taken$/],
    [{ type: 'file', file: { file_id: 'file-1' } }, /^taken$/],
    [{ type: 'file', file: { filename: 'a.pdf', file_data: pdf } }, /Invalid file data/],
    [{ type: 'file', file: { file_data: `data:application/pdf;base64,${pdf}` } }, /file\.filename/],
    [{ type: 'file', file: { filename: 'a', file_data: `data:application/pdf;base64,${png}` } }, /not supported/],
    [{ type: 'input_audio', input_audio: { data: 'AAAA', format: 'ogg' } }, /Supported values are: 'wav' and 'mp3'/],
    [{ type: 'document_url', document_url: 'https://x.example/a' }, /Invalid value: 'document_url'/],
  ];
  for (const [part, says] of chatRows) {
    test(`chat: ${JSON.stringify(part).slice(0, 100)}`, async () => {
      assert.match(await chat(part), says);
    });
  }

  const source = (fields: object) => ({ type: 'image', source: fields });
  const messageRows: readonly (readonly [block: object, says: RegExp])[] = [
    [source({ type: 'base64', media_type: 'image/png', data: png }), /^taken$/],
    [source({ type: 'url', url: 'https://x.example/a' }), /^taken$/],
    [source({ type: 'base64', media_type: 'image/jpeg', data: png }), /does not match the provided media type/],
    [source({ type: 'base64', media_type: 'image/png', data: '*' }), /invalid base64/],
    [source({ type: 'base64', media_type: 'image/svg+xml', data: png }), /media_type: Input should be/],
    [source({ type: 'text', media_type: 'text/plain', data: 'a' }), /does not match any of the expected tags/],
    [source({ type: 'url', url: 'ftp://x' }), /Only HTTP and HTTPS/],
    [{ ...source({ type: 'url', url: 'https://x' }), detail: 'low' }, /Extra inputs are not permitted/],
    [{ type: 'image' }, /source: Field required/],
    [{ type: 'document', source: { type: 'base64', media_type: 'application/pdf', data: pdf }, title: 't' }, /^taken$/],
    [{ type: 'document', source: { type: 'base64', media_type: 'application/pdf', data: png } }, /PDF specified/],
    [{ type: 'document', source: { type: 'text', media_type: 'text/plain', data: 'a' } }, /^taken$/],
    [{ type: 'document', source: { type: 'text', data: 'a' } }, /media_type: Field required/],
  ];
  for (const [block, says] of messageRows) {
    test(`messages: ${JSON.stringify(block).slice(0, 100)}`, async () => {
      assert.match(await messages(block), says);
    });
  }
});
