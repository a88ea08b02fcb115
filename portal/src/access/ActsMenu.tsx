// What can be done to one thing: a menu, and the dialogs that it opens.
import { Dropdown, DropdownItem, DropdownList, MenuToggle } from '@patternfly/react-core';
import EllipsisVIcon from '@patternfly/react-icons/dist/esm/icons/ellipsis-v-icon';
import { useRef, useState, type ReactNode } from 'react';
import { useTranslation } from 'react-i18next';

export interface Act {
  key: string;
  label: string;
  isDanger?: boolean;
  /** Why it cannot be done now. */
  notNow?: string;
  run?: () => void;
  dialog?: (onClose: () => void) => ReactNode;
}

export function ActsMenu({ name, acts }: { name: string; acts: readonly (Act | false | undefined)[] }) {
  const { t } = useTranslation();
  const [open, setOpen] = useState(false);
  const [shown, setShown] = useState<string>();
  const toggleRef = useRef<HTMLButtonElement>(null);
  const all = acts.filter((act): act is Act => Boolean(act));
  const close = () => {
    setShown(undefined);
    // The keyboard goes back to where it came from.
    setTimeout(() => toggleRef.current?.focus());
  };
  const chosen = all.find((act) => act.key === shown);
  if (all.length === 0) return null;
  return (
    <>
      <Dropdown
        isOpen={open} onOpenChange={setOpen} onSelect={() => setOpen(false)} popperProps={{ position: 'right', appendTo: 'inline' }} shouldFocusFirstItemOnOpen
        toggle={{
          toggleRef,
          toggleNode: (
            <MenuToggle ref={toggleRef} variant="plain" isExpanded={open} onClick={() => setOpen(!open)} icon={<EllipsisVIcon />} aria-label={`${t('common.actions')}: ${name}`} />
          ),
        }}
      >
        <DropdownList>
          {all.map((act) => (
            <DropdownItem key={act.key} isDanger={act.isDanger} isDisabled={Boolean(act.notNow)} description={act.notNow} onClick={() => (act.dialog ? setShown(act.key) : act.run?.())}>
              {act.label}
            </DropdownItem>
          ))}
        </DropdownList>
      </Dropdown>
      {chosen && <Opened act={chosen} onClose={close} />}
    </>
  );
}

function Opened({ act, onClose }: { act: Act; onClose: () => void }) {
  return act.dialog?.(onClose);
}
