using System;
using System.Globalization;
using System.IO;
using Sos.Image;

namespace Sos.Cores.Loading;

/// <summary>Linux's memory, for a service to read: what the operator granted and the image asks for.</summary>
/// <param name="Symbols">Where what lies in it, in the form that the service's companion and the service agree on.</param>
/// <param name="WindowSize">Bytes of physical addresses that are shown, from 0.</param>
public sealed record LinuxMemoryRequest(ReadOnlyMemory<byte> Symbols, ulong WindowSize)
{
    private const string SystemMemory = "System RAM";

    /// <summary>Refuses a back end where there is no view of Linux and nothing can be done to the machine.</summary>
    /// <param name="backEnd">The back end.</param>
    /// <param name="granted">What was granted.</param>
    /// <exception cref="SosException">It is one.</exception>
    public static void CheckBackEnd(BackEndKind backEnd, ServiceGrants granted)
    {
        if (!backEnd.LeavesLinux() && granted != ServiceGrants.None)
        {
            string names = string.Join(", ", GrantNames.Of(granted));
            throw new SosException(
                SosError.Usage,
                $"an isolated core ends with Linux, so that its service has no view of it and can do nothing when it hangs: leave {names} away, "
                    + "or reserve the core without --isolated");
        }
    }

    /// <summary>The size of a window on all memory of a machine.</summary>
    /// <param name="resources">The text of /proc/iomem, as root reads it.</param>
    /// <exception cref="SosException">It names no memory.</exception>
    public static ulong SizeFor(string resources)
    {
        ArgumentNullException.ThrowIfNull(resources);
        ulong end = 0;
        using StringReader reader = new(resources);
        while (reader.ReadLine() is { } line)
        {
            // "00100000-7fffffff : System RAM"; what lies within another is indented.
            string[] parts = line.Split(" : ", 2);
            if (parts.Length == 2 && parts[1] == SystemMemory && !line.StartsWith(' ')
                && parts[0].IndexOf('-', StringComparison.Ordinal) is > 0 and int dash
                && ulong.TryParse(parts[0].AsSpan(dash + 1), NumberStyles.AllowHexSpecifier, CultureInfo.InvariantCulture, out ulong last))
            {
                end = Math.Max(end, last + 1);
            }
        }

        return end > 1
            ? AddressSpace.ToChunks(end)
            : throw new SosException(SosError.Refused, "/proc/iomem tells no addresses of memory: start the service as root");
    }
}
