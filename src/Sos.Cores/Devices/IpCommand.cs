using System.Collections.Generic;
using System.ComponentModel;
using System.Diagnostics;
using System.Text.Json;

namespace Sos.Cores.Devices;

/// <summary>iproute2's ip: it knows netlink better than we would, and is on every machine that has a network.</summary>
internal static class IpCommand
{
    /// <summary>Runs it.</summary>
    /// <exception cref="SosException">It failed; the message is its own.</exception>
    public static string Run(params IEnumerable<string> arguments)
    {
        ProcessStartInfo start = new("ip") { RedirectStandardOutput = true, RedirectStandardError = true };
        foreach (string argument in arguments)
        {
            start.ArgumentList.Add(argument);
        }

        try
        {
            using Process process = Process.Start(start)!;
            var error = process.StandardError.ReadToEndAsync();
            string output = process.StandardOutput.ReadToEnd();
            process.WaitForExit();
            return process.ExitCode == 0
                ? output
                : throw new SosException(SosError.Failed, $"ip {string.Join(' ', start.ArgumentList)}: {error.Result.Trim()}");
        }
        catch (Win32Exception e)
        {
            throw new SosException(SosError.Failed, "the command 'ip' is missing: install iproute2", e);
        }
    }

    /// <summary>Runs it with -j; an empty output is an empty list.</summary>
    public static JsonElement Query(params IEnumerable<string> arguments)
    {
        string output = Run(["-j", .. arguments]).Trim();
        using JsonDocument document = JsonDocument.Parse(output.Length == 0 ? "[]" : output);
        return document.RootElement.Clone();
    }
}
