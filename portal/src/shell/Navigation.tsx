import { Nav, NavGroup, NavItem, NavList } from '@patternfly/react-core';
import { useQuery } from '@tanstack/react-query';
import { useTranslation } from 'react-i18next';
import { NavLink, useLocation } from 'react-router';
import { sessionQuery } from '@/api/queries';
import { groups, placesFor } from './places';

/** Where one can go. The places themselves are in places.ts. */
export function Navigation() {
  const { t } = useTranslation();
  const { pathname } = useLocation();
  const { data: session } = useQuery(sessionQuery);
  const places = placesFor(session?.permissions ?? []);
  const shown = groups.filter((group) => group.places.some((id) => places.some((place) => place.id === id)));
  const item = (id: string) => {
    const place = places.find((one) => one.id === id);
    if (!place) return null;
    const active = place.path === '/' ? pathname === '/' : pathname === place.path || pathname.startsWith(`${place.path}/`);
    return (
      <NavItem key={id} itemId={id} isActive={active}>
        <NavLink to={place.path} end={place.path === '/'}>
          <span className="pf-v6-c-nav__link-icon" aria-hidden="true">
            <place.icon />
          </span>
          <span className="pf-v6-c-nav__link-text">{place.label(t)}</span>
        </NavLink>
      </NavItem>
    );
  };
  return (
    <Nav aria-label={t('shell.navigation')}>
      {shown.map((group) =>
        group.label ? (
          <NavGroup key={group.id} title={group.label(t)}>
            {group.places.map(item)}
          </NavGroup>
        ) : (
          <NavList key={group.id}>{group.places.map(item)}</NavList>
        ),
      )}
    </Nav>
  );
}
