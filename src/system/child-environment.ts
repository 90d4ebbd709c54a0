/** What programs need to run, to find files and libraries, and to compute. */
const NEEDED = new Set([
  ...['PATH', 'HOME', 'USER', 'LOGNAME', 'SHELL', 'PWD', 'LANG', 'LANGUAGE', 'TZ', 'TMPDIR', 'TMP', 'TEMP'],
  // Windows, whose names have no case.
  ...['SYSTEMROOT', 'SYSTEMDRIVE', 'WINDIR', 'COMSPEC', 'PATHEXT', 'OS', 'USERPROFILE', 'HOMEDRIVE', 'HOMEPATH'],
  ...['APPDATA', 'LOCALAPPDATA', 'PROGRAMDATA', 'PROGRAMFILES', 'NUMBER_OF_PROCESSORS', 'PROCESSOR_ARCHITECTURE'],
  ...['NODE_OPTIONS', 'NODE_PATH', 'NODE_EXTRA_CA_CERTS', 'NODE_V8_COVERAGE', 'NODE_COMPILE_CACHE', 'NODE_DEBUG'],
  ...['SSL_CERT_FILE', 'SSL_CERT_DIR', 'UV_THREADPOOL_SIZE', 'TSX_TSCONFIG_PATH', 'WSL_DISTRO_NAME', 'WSL_INTEROP'],
  ...['NVIDIA_VISIBLE_DEVICES', 'NVIDIA_DRIVER_CAPABILITIES', 'NVIDIA_TF32_OVERRIDE', 'DISPLAY', 'WAYLAND_DISPLAY'],
]);
/** Of the loader, the C library, drivers and computing libraries. */
const FAMILIES =
  /^(?:LC|XDG|LD|DYLD|MALLOC|GLIBC|OMP|KMP|GOMP|MKL|ORT|CUDA|CUDNN|NCCL|VK|MESA|RADV|AMD|INTEL|DRI|LIBGL|EGL|GLX|DAWN)_/;
const SECRET = /TOKEN|SECRET|PASSW|CREDENTIAL|API_?KEY|PRIVATE/;

/**
 * The part of an environment that a child process may have: what it needs, and no secret. So a library in it that turns
 * bad, a crash dump or `/proc` gives none away.
 *
 * @param more names of further variables that this child needs
 */
export function childEnvironment(env: NodeJS.ProcessEnv, more: readonly string[] = []): NodeJS.ProcessEnv {
  const isNeeded = (name: string) => {
    const upper = name.toUpperCase();
    if (more.includes(name)) return true;
    return NEEDED.has(upper) || (FAMILIES.test(upper) && !SECRET.test(upper));
  };
  return Object.fromEntries(Object.entries(env).filter(([name]) => isNeeded(name)));
}
