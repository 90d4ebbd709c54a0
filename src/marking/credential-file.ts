/** In the data folder: the private key and its certificates. Not in the database, whose backups must not be able to sign. */
export const CREDENTIAL_FILE = 'signing.pem';
