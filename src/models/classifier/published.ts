/**
 * The picture classifier that can be fetched: where it is published, and the SHA-256 of what is read of it. Its accuracy is
 * what its authors say.
 *
 * @see https://github.com/infinitered/nsfwjs#readme
 */
export const PUBLISHED_CLASSIFIER = {
  /** In the npm registry. */
  package: 'nsfwjs',
  version: '4.3.0',
  license: 'MIT',
  source: 'https://github.com/infinitered/nsfwjs',
  model: 'mobilenet_v2_mid',
  accuracy: 'about 93 %, as its authors say',
  tarball: { size: 25_336_605, sha256: '4496790efc9bdc6f3e85a826a8e482c1fa1e9db4b3d18c095e98cc0c73cfb12f' },
  /** Paths in the package: the topology and the shards of its weights, in their order. */
  files: [
    {
      path: 'dist/models/mobilenet_v2_mid/model.min.js',
      sha256: 'a7a9e701491e2449b221dab7c424957f853e700602b5575da33cfd745616f964',
    },
    {
      path: 'dist/models/mobilenet_v2_mid/group1-shard1of2.min.js',
      sha256: 'f2e79a209e44d668220ec5f1533a98f2be954e3953685bf074d201b82fefc29a',
    },
    {
      path: 'dist/models/mobilenet_v2_mid/group1-shard2of2.min.js',
      sha256: 'f291df992a0131741372506a6072fb9f1645bff7c973c983fd6276f5f9625d5e',
    },
    { path: 'LICENSE', sha256: '2f7fe40b4f0d97020f0a0dc2214d637471f6204e565eb83e9fd414f0e5287d94' },
  ],
  /** Factor of the channels, and pixels of a side. */
  network: { width: 1.4, side: 224 },
} as const;

export type PublishedClassifier = {
  readonly package: string;
  readonly version: string;
  readonly license: string;
  readonly source: string;
  readonly model: string;
  readonly tarball: { readonly size: number; readonly sha256: string };
  readonly files: readonly { readonly path: string; readonly sha256: string }[];
  readonly network: { readonly width: number; readonly side: number };
};
