import type { Language } from '../../texts/language.ts';

/** In every language but English: lower case, up to 32 letters, digits, hyphens and underscores, as Discord wants them. */
export type LocalNames = Readonly<Record<Exclude<Language, 'en'>, string>>;

/**
 * What the keys are called in other languages. The grammar reads all of them; what is written back is in English keys, so
 * that everybody can read a command that somebody else has typed. All languages share one grammar: a name may stand for one
 * key only, and may be no English word that often stands before a colon.
 */
export const KEY_NAMES = {
  width: { de: 'breite', fr: 'largeur', es: 'ancho', ja: '幅', 'pt-BR': 'largura' },
  height: { de: 'höhe', fr: 'hauteur', es: 'altura', ja: '高さ', 'pt-BR': 'altura' },
  size: { de: 'größe', fr: 'taille', es: 'tamaño', ja: 'サイズ', 'pt-BR': 'tamanho' },
  ar: { de: 'seitenverhältnis', fr: 'ratio', es: 'proporción', ja: '縦横比', 'pt-BR': 'proporção' },
  n: { de: 'bilder', fr: 'images', es: 'imágenes', ja: '枚数', 'pt-BR': 'imagens' },
  style: { de: 'stil', fr: 'style', es: 'estilo', ja: 'スタイル', 'pt-BR': 'estilo' },
  seed: { de: 'startwert', fr: 'graine', es: 'semilla', ja: 'シード', 'pt-BR': 'semente' },
  steps: { de: 'schritte', fr: 'étapes', es: 'pasos', ja: 'ステップ', 'pt-BR': 'passos' },
  'decoder-steps': {
    ...{ de: 'decoder-schritte', fr: 'étapes-décodeur', es: 'pasos-decodificador' },
    ...{ ja: 'デコーダーステップ', 'pt-BR': 'passos-decodificador' },
  },
  guidance: { de: 'guidance', fr: 'guidage', es: 'guía', ja: 'ガイダンス', 'pt-BR': 'orientação' },
  'decoder-guidance': {
    ...{ de: 'decoder-guidance', fr: 'guidage-décodeur', es: 'guía-decodificador' },
    ...{ ja: 'デコーダーガイダンス', 'pt-BR': 'orientação-decodificador' },
  },
  negative: { de: 'ohne', fr: 'négatif', es: 'negativo', ja: 'ネガティブ', 'pt-BR': 'negativo' },
  strength: { de: 'stärke', fr: 'intensité', es: 'intensidad', ja: '強度', 'pt-BR': 'intensidade' },
  'picture-weights': {
    ...{ de: 'bild-gewichte', fr: 'poids-images', es: 'pesos-imágenes' },
    ...{ ja: '画像の重み', 'pt-BR': 'pesos-imagens' },
  },
  transparent: {
    ...{ de: 'durchsichtiges', fr: 'zones-transparentes', es: 'transparente' },
    ...{ ja: '透明部分', 'pt-BR': 'transparente' },
  },
  preset: { de: 'vorlage', fr: 'préréglage', es: 'preajuste', ja: 'プリセット', 'pt-BR': 'predefinição' },
  lora: { de: 'lora', fr: 'lora', es: 'lora', ja: 'lora', 'pt-BR': 'lora' },
  spoiler: { de: 'spoiler', fr: 'spoiler', es: 'spoiler', ja: 'ネタバレ', 'pt-BR': 'spoiler' },
} as const satisfies Record<string, LocalNames>;

/** What Info calls a setting, in every language. */
export function labelsOf(name: keyof typeof KEY_NAMES): Readonly<Record<Language, string>> {
  const names = { en: name, ...KEY_NAMES[name] };
  return {
    ...{ en: label(names.en), de: label(names.de), fr: label(names.fr), es: label(names.es), ja: label(names.ja) },
    'pt-BR': label(names['pt-BR']),
  };
}

function label(name: string): string {
  return name.charAt(0).toUpperCase() + name.slice(1).replace('-', ' ');
}

/** Options of native commands that are no keys, and so are typed nowhere. */
export const OPTION_NAMES = {
  prompt: { de: 'beschreibung', fr: 'description', es: 'descripción', ja: 'プロンプト', 'pt-BR': 'descrição' },
  image: { de: 'bild', fr: 'image', es: 'imagen', ja: '画像', 'pt-BR': 'imagem' },
  'image-2': { de: 'bild-2', fr: 'image-2', es: 'imagen-2', ja: '画像-2', 'pt-BR': 'imagem-2' },
  'image-3': { de: 'bild-3', fr: 'image-3', es: 'imagen-3', ja: '画像-3', 'pt-BR': 'imagem-3' },
  mask: { de: 'maske', fr: 'masque', es: 'máscara', ja: 'マスク', 'pt-BR': 'máscara' },
  id: { de: 'id', fr: 'id', es: 'id', ja: 'id', 'pt-BR': 'id' },
  action: { de: 'aktion', fr: 'action', es: 'acción', ja: '操作', 'pt-BR': 'ação' },
  setting: { de: 'einstellung', fr: 'réglage', es: 'ajuste', ja: '設定', 'pt-BR': 'configuração' },
  value: { de: 'wert', fr: 'valeur', es: 'valor', ja: '値', 'pt-BR': 'valor' },
  file: { de: 'datei', fr: 'fichier', es: 'archivo', ja: 'ファイル', 'pt-BR': 'arquivo' },
} as const satisfies Record<string, LocalNames>;
