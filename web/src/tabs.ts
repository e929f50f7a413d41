/** Tabs by the ARIA pattern: one of them in the tab order, arrow keys, Home and End move between them and open. */
import { find } from './find.ts';

export interface Tabs {
  readonly open: (id: string) => void;
}

export function createTabs(): Tabs {
  const list = find('[role="tablist"]', HTMLElement);
  const tabs = [...list.querySelectorAll<HTMLElement>('[role="tab"]')];
  const open = (chosen: HTMLElement): void => {
    for (const tab of tabs) {
      const selected = tab === chosen;
      tab.setAttribute('aria-selected', String(selected));
      tab.tabIndex = selected ? 0 : -1;
      find(`#${tab.getAttribute('aria-controls')}`, HTMLElement).hidden = !selected;
    }
  };
  list.addEventListener('keydown', (event) => {
    const at = tabs.findIndex((tab) => tab === document.activeElement);
    const last = tabs.length - 1;
    const to = {
      ArrowRight: at === last ? 0 : at + 1,
      ArrowLeft: at === 0 ? last : at - 1,
      Home: 0,
      End: last,
    }[event.key];
    const tab = to === undefined ? undefined : tabs[to];
    if (!tab) return;
    event.preventDefault();
    open(tab);
    tab.focus();
  });
  for (const tab of tabs) tab.addEventListener('click', () => open(tab));
  return { open: (id) => open(find(`#${id}`, HTMLElement)) };
}
