/** A bucket, or a part of one, in an S3-compatible store. */
export interface BucketPlace {
  /** `http` or `https`, host and port; buckets are paths below it. */
  endpoint: string;
  bucket: string;
  /** What comes before each name: nothing, or parts that each end with `/`. */
  prefix: string;
  region: string;
  accessKeyId: string;
  secretAccessKey: string;
}
