using System.Runtime.InteropServices;

namespace Sos.Firewall.Rules;

/// <summary>The kernel's own time zone (<c>sys_tz</c>), which nothing but a few old things in it use, <c>meta day</c> among them.</summary>
internal static class KernelZone
{
    private const long GetTimeOfDay = 96; // asm/unistd_64.h

    /// <summary>Returns its minutes west of Greenwich. systemd sets them when the machine starts; the C library's own call hides them.</summary>
    public static int ReadMinutesWest() => syscall(GetTimeOfDay, 0, out TimeZone zone) == 0 ? zone.MinutesWest : 0;

    [DllImport("libc")]
    private static extern long syscall(long number, nint time, out TimeZone zone);

    /// <summary>struct timezone of linux/time.h.</summary>
    [StructLayout(LayoutKind.Sequential)]
    private struct TimeZone
    {
        public int MinutesWest;
        public int DaylightKind;
    }
}
