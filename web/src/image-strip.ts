/** Several images side by side, each with its log-likelihood; the chosen one's details are shown. */
import { type Scores, rows } from '../../src/browser.ts';
import { find } from './find.ts';
import { fixed } from './numbers.ts';
import { drawPicture, pictureOf } from './picture.ts';
import type { Subject } from './subject.ts';

export interface ImageStrip {
  readonly show: (subject: Subject, scores: Scores) => void;
  readonly choose: (index: number) => void;
  readonly hide: () => void;
}

export function createImageStrip(onChosen: (index: number) => void): ImageStrip {
  const section = find('#strip-section', HTMLElement);
  const list = find('#strip', HTMLUListElement);
  let buttons: HTMLButtonElement[] = [];
  const choose = (index: number): void =>
    buttons.forEach((button, i) => button.setAttribute('aria-pressed', String(i === index)));
  return {
    choose,
    hide: () => {
      section.hidden = true;
      buttons = [];
      list.replaceChildren();
    },
    show: ({ images, names, note }, { importance }) => {
      section.hidden = false;
      find('#strip-note', HTMLParagraphElement).textContent =
        `${note} Log-likelihoods in nats; choose an image to see its details.`.trim();
      buttons = names.map((name, index) => {
        const button = document.createElement('button');
        button.type = 'button';
        button.title = name;
        const value = fixed(importance[index] as number);
        button.setAttribute('aria-label', `${name}: ${value} nats`);
        const canvas = document.createElement('canvas');
        canvas.className = 'tile';
        drawPicture(canvas, pictureOf(rows(images, index, 1), images.shape));
        const label = document.createElement('span');
        label.textContent = value;
        button.append(canvas, label);
        button.addEventListener('click', () => onChosen(index));
        return button;
      });
      list.replaceChildren(
        ...buttons.map((button) => {
          const item = document.createElement('li');
          item.append(button);
          return item;
        }),
      );
    },
  };
}
