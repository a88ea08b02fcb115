import { Divider, Dropdown, DropdownItem, DropdownList, MenuToggle } from '@patternfly/react-core';
import UserIcon from '@patternfly/react-icons/dist/esm/icons/user-icon';
import { useQuery } from '@tanstack/react-query';
import { useState } from 'react';
import { useTranslation } from 'react-i18next';
import { useNavigate } from 'react-router';
import { useMay } from '@/access/queries';
import { sessionQuery } from '@/api/queries';
import { useSignOut } from './useSignOut';

export function UserMenu() {
  const { t } = useTranslation();
  const navigate = useNavigate();
  const { data: session } = useQuery(sessionQuery);
  const [open, setOpen] = useState(false);
  const mayWrite = useMay('provider.write');
  const signOut = useSignOut();
  return (
    <Dropdown
      isOpen={open} onOpenChange={setOpen} onSelect={() => setOpen(false)} popperProps={{ position: 'right' }} shouldFocusFirstItemOnOpen
      toggle={(toggle) => (
        <MenuToggle innerRef={toggle} variant="plainText" isExpanded={open} onClick={() => setOpen(!open)} icon={<UserIcon />} aria-label={`${t('shell.account')}: ${session?.username ?? ''}`}>
          <span className="sp-user__name">{session?.username}</span>
        </MenuToggle>
      )}
    >
      <DropdownList>
        <DropdownItem onClick={() => void navigate('/account')}>{t('account.title')}</DropdownItem>
        <Divider component="li" />
        {mayWrite && <DropdownItem onClick={() => void navigate('/first-run')}>{t('firstRun.resume')}</DropdownItem>}
        <DropdownItem onClick={() => void navigate('/about')}>{t('about.title')}</DropdownItem>
        <DropdownItem to="/docs" target="_blank" isExternalLink>
          {t('shell.apiDocs')}
        </DropdownItem>
        <Divider component="li" />
        <DropdownItem onClick={() => signOut.mutate()}>{t('session.signOut')}</DropdownItem>
      </DropdownList>
    </Dropdown>
  );
}
