/**
 * Says to a server on its standard input that a hundred models are to be registered: the list of resources has two pages then.
 *
 *   node test/installed/hundred_models.mjs EXAMPLE | modelyard
 */
const [example] = process.argv.slice(2);
const source = `${example}/home_win_v2.onnx`;
const say = (message) => process.stdout.write(`${JSON.stringify({ jsonrpc: '2.0', ...message })}\n`);

const clientInfo = { name: 'hundred models', version: '1' };
say({ id: 0, method: 'initialize', params: { protocolVersion: '2025-11-25', capabilities: {}, clientInfo } });
say({ method: 'notifications/initialized' });
for (let id = 1; id <= 100; id++) {
  const given = { model_id: `pager-${id}`, version: '1', source };
  say({ id, method: 'tools/call', params: { name: 'register_model', arguments: given } });
}
