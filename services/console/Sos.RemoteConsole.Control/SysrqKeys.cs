using System;
using System.Globalization;
using System.IO;

namespace Sos.RemoteConsole.Control;

/// <summary>The SysRq keys that Linux allows: those of a console are as those of a keyboard.</summary>
internal static class SysrqKeys
{
    private const string SettingPath = "/proc/sys/kernel/sysrq";
    private const string EachKey = "all keys of 'sysrq'";
    private const string SomeKeys = "some keys of 'sysrq', such as those that show tasks";
    private const int All = 1;

    /// <summary>Returns what a person should know who grants them; null if all work, or it cannot be found out.</summary>
    public static string? Note(string path = SettingPath)
    {
        try
        {
            return int.TryParse(File.ReadAllText(path), NumberStyles.Integer, CultureInfo.InvariantCulture, out int allowed) && allowed != All
                ? string.Create(
                    CultureInfo.InvariantCulture,
                    $"kernel.sysrq is {allowed}: Linux refuses {(allowed == 0 ? EachKey : SomeKeys)}; 'sysctl kernel.sysrq=1' allows all")
                : null;
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            return null; // a kernel without them says so when one is asked for
        }
    }
}
