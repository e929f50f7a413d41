/** What went wrong, in one line at the top of the page, until it is dismissed or the next attempt begins. */
import { UserError } from '../../src/browser.ts';
import { find } from './find.ts';

export interface Messages {
  /** Shows an error. One that is no UserError is a fault of the page, and logged too. */
  readonly report: (error: unknown) => void;
  readonly clear: () => void;
}

export function createMessages(): Messages {
  const box = find('#alert', HTMLDivElement);
  const text = find('#alert-text', HTMLParagraphElement);
  const clear = (): void => {
    box.hidden = true;
    text.textContent = '';
  };
  find('#alert-dismiss', HTMLButtonElement).addEventListener('click', () => {
    clear();
    find('[role="tabpanel"]:not([hidden])', HTMLElement).focus({ preventScroll: true });
  });
  return {
    clear,
    report: (error) => {
      const message = error instanceof Error ? error.message : String(error);
      box.hidden = false;
      if (error instanceof UserError) text.textContent = message;
      else {
        text.textContent = `Something unexpected went wrong: ${message}`;
        console.error(error);
      }
    },
  };
}

/** Puts a message in place of the page's work: nothing of it can go on. */
export function stopPage(message: string, { reload }: { readonly reload: boolean }): void {
  find('#app', HTMLElement).hidden = true;
  find('#alert', HTMLDivElement).hidden = true;
  const button = find('#reload', HTMLButtonElement);
  button.hidden = !reload;
  button.addEventListener('click', () => location.reload());
  find('#stopped', HTMLElement).hidden = false;
  find('#stopped-text', HTMLParagraphElement).textContent = message;
  if (reload) button.focus();
}
