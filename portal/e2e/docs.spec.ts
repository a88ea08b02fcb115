// The description of the API as the gateway shows it: one page, whose fragment says what of it.
import { expect, test } from './fixtures';

test('an operation is called what it is, and one that is not there is said to be so', async ({ visitor }) => {
  await visitor.goto('/docs#vm_list');
  await expect(visitor).toHaveTitle('GET /v1/vms – Spandrel API');
  await expect(visitor.getByText('List VMs', { exact: true })).toBeVisible();
  await visitor.goto('/docs#nonsense');
  await expect(visitor).toHaveTitle('Not found – Spandrel API');
  await expect(visitor.getByText('There is no operation nonsense.')).toBeVisible();
  await visitor.goto('/docs#');
  await expect(visitor).toHaveTitle('Overview – Spandrel API');
});
