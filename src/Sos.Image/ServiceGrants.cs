using System;
using System.Collections.Generic;
using System.Linq;

namespace Sos.Image;

/// <summary>
/// The things that an image asks for beyond its ports and memory, and that an operator grants: bit 0 is Linux's memory, the others are those of
/// enum sos_action.
/// </summary>
[Flags]
public enum ServiceGrants : uint
{
    /// <summary>Nothing.</summary>
    None = 0,

    /// <summary>To read Linux's memory.</summary>
    LinuxMemory = 1 << 0,

    /// <summary>To have Linux do what a SysRq key does.</summary>
    Sysrq = 1 << 1,

    /// <summary>To give its core back.</summary>
    Release = 1 << 2,

    /// <summary>To send NMIs to Linux's CPUs: that they store their registers, or that Linux does not know of.</summary>
    Nmi = (1 << 3) | (1 << 4),

    /// <summary>To have Linux panic.</summary>
    Crash = 1 << 5,

    /// <summary>To reset the machine.</summary>
    Reboot = 1 << 6,

    /// <summary>All that act on the machine.</summary>
    Actions = Sysrq | Release | Nmi | Crash | Reboot,

    /// <summary>All that there are.</summary>
    All = LinuxMemory | Actions,
}

/// <summary>The names of <see cref="ServiceGrants"/>, as operators and projects write them.</summary>
public static class GrantNames
{
    private static readonly (string Name, ServiceGrants Grant)[] Known =
    [
        ("linux-memory", ServiceGrants.LinuxMemory),
        ("sysrq", ServiceGrants.Sysrq),
        ("nmi", ServiceGrants.Nmi),
        ("crash", ServiceGrants.Crash),
        ("reboot", ServiceGrants.Reboot),
        ("release", ServiceGrants.Release),
    ];

    /// <summary>All names, with commas between.</summary>
    public static string List { get; } = string.Join(", ", Known.Select(known => known.Name));

    /// <summary>Reads names with commas between.</summary>
    /// <param name="text">The names, as in "linux-memory,reboot".</param>
    /// <param name="grants">What they stand for.</param>
    /// <returns>Null, or the first name that stands for nothing.</returns>
    public static string? Parse(string text, out ServiceGrants grants)
    {
        ArgumentNullException.ThrowIfNull(text);
        grants = ServiceGrants.None;
        foreach (string name in text.Split(','))
        {
            ServiceGrants grant = Known.FirstOrDefault(known => known.Name == name).Grant;
            if (grant == ServiceGrants.None)
            {
                return name;
            }

            grants |= grant;
        }

        return null;
    }

    /// <summary>Returns the names of grants, in the order of <see cref="List"/>.</summary>
    public static IReadOnlyList<string> Of(ServiceGrants grants)
        => [.. Known.Where(known => (grants & known.Grant) == known.Grant).Select(known => known.Name)];
}
