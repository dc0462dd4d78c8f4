using System.Runtime.InteropServices;

namespace Sos.Cores.Native;

/// <summary>The errno values that the driver documents, and what each kind of failure is.</summary>
internal static class Errno
{
    public const int NotPermitted = 1; // EPERM
    public const int NoEntry = 2; // ENOENT
    public const int NoProcess = 3; // ESRCH; of a route: there is no such
    public const int Interrupted = 4; // EINTR
    public const int InputOutput = 5; // EIO
    public const int NoDeviceOrAddress = 6; // ENXIO
    public const int TryAgain = 11; // EAGAIN
    public const int NoMemory = 12; // ENOMEM
    public const int AccessDenied = 13; // EACCES
    public const int Busy = 16; // EBUSY
    public const int Exists = 17; // EEXIST
    public const int CrossDevice = 18; // EXDEV
    public const int NoDevice = 19; // ENODEV
    public const int Invalid = 22; // EINVAL
    public const int TooManyFiles = 24; // EMFILE
    public const int NotTerminal = 25; // ENOTTY
    public const int NoSpace = 28; // ENOSPC
    public const int NoProtocol = 93; // EPROTONOSUPPORT
    public const int NotSupported = 95; // EOPNOTSUPP
    public const int NoFamily = 97; // EAFNOSUPPORT
    public const int NoAddress = 99; // EADDRNOTAVAIL
    public const int NoBuffers = 105; // ENOBUFS

    /// <summary>The kind of failure that an errno means wherever a call says nothing else.</summary>
    public static SosError Classify(int errno) => errno switch
    {
        NotPermitted or AccessDenied => SosError.NotPermitted,
        NoEntry or NoDevice or NoDeviceOrAddress => SosError.NotFound,
        Busy or Exists or CrossDevice or NotSupported => SosError.Refused,
        _ => SosError.Failed,
    };

    /// <summary>A failed call as an exception.</summary>
    /// <param name="what">What was tried: "reserving cpu 3".</param>
    /// <param name="errno">Why it failed.</param>
    /// <param name="advice">What the errno means for this call and what to do, or null for the system's text alone.</param>
    public static SosException ToException(string what, int errno, string? advice)
        => new(Classify(errno), advice is null
            ? $"{what} failed: {Marshal.GetPInvokeErrorMessage(errno)} (errno {errno})"
            : $"{what} failed: {advice} ({Marshal.GetPInvokeErrorMessage(errno)})");
}
