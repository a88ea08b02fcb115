// Everything that can be done to a provider, in one menu and its dialogs.
import { Divider, Dropdown, DropdownItem, DropdownList, MenuToggle } from '@patternfly/react-core';
import EllipsisVIcon from '@patternfly/react-icons/dist/esm/icons/ellipsis-v-icon';
import { useRef, useState } from 'react';
import { useTranslation } from 'react-i18next';
import { useNavigate } from 'react-router';
import { useMay } from '@/access/queries';
import { CredentialsDialog } from './CredentialsDialog';
import type { Provider } from './provider';
import { RemoveProvider } from './RemoveProvider';
import { TestDialog } from './TestDialog';
import { useProviderActs } from './useActs';

export function ProviderMenu({ provider }: { provider: Provider }) {
  const { t } = useTranslation();
  const navigate = useNavigate();
  const { resync, enable } = useProviderActs();
  const [open, setOpen] = useState(false);
  const [dialog, setDialog] = useState<'remove' | 'credentials' | 'test'>();
  const toggleRef = useRef<HTMLButtonElement>(null);
  const may = useMay('provider.write');
  const close = () => {
    setDialog(undefined);
    // The keyboard goes back to where it came from.
    setTimeout(() => toggleRef.current?.focus());
  };
  if (!may) return null;
  return (
    <>
      <Dropdown
        isOpen={open} onOpenChange={setOpen} onSelect={() => setOpen(false)} popperProps={{ position: 'right', appendTo: 'inline' }} shouldFocusFirstItemOnOpen
        toggle={{
          toggleRef,
          toggleNode: (
            <MenuToggle
              ref={toggleRef} variant="plain" isExpanded={open} onClick={() => setOpen(!open)} icon={<EllipsisVIcon />} isDisabled={provider.removing}
              aria-label={`${t('common.actions')}: ${provider.name}`}
            />
          ),
        }}
      >
        <DropdownList>
          <DropdownItem isDisabled={!provider.enabled} description={provider.enabled ? undefined : t('providers.resyncDisabled')} onClick={() => resync.mutate(provider)}>
            {t('providers.resync')}
          </DropdownItem>
          <DropdownItem onClick={() => setDialog('test')}>{t('providers.testStored')}</DropdownItem>
          <DropdownItem onClick={() => void navigate(`/providers/${provider.id}/edit`)}>{t('providers.edit')}</DropdownItem>
          <DropdownItem onClick={() => setDialog('credentials')}>{t('providers.credentials')}</DropdownItem>
          <DropdownItem onClick={() => enable.mutate({ provider, enabled: !provider.enabled })}>{t(provider.enabled ? 'providers.disable' : 'providers.enable')}</DropdownItem>
          <Divider component="li" />
          <DropdownItem isDanger onClick={() => setDialog('remove')}>
            {t('providers.remove')}
          </DropdownItem>
        </DropdownList>
      </Dropdown>
      {dialog === 'remove' && <RemoveProvider provider={provider} onClose={close} />}
      {dialog === 'credentials' && <CredentialsDialog provider={provider} onClose={close} />}
      {dialog === 'test' && <TestDialog provider={provider} onClose={close} />}
    </>
  );
}
