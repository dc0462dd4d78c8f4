using System;
using System.Collections.Generic;
using System.CommandLine;
using Sos.Cores;

namespace Sos.Verbs;

/// <summary>Arguments and options that several verbs have.</summary>
public static class CoreArguments
{
    /// <summary>Makes the argument that names a cpu.</summary>
    public static Argument<int> Cpu() => new("CPU") { Description = "Logical id of the cpu, as in /proc/cpuinfo" };

    /// <summary>Makes the argument that names a cpu, and may be left out.</summary>
    /// <param name="description">What it is by default.</param>
    public static Argument<int?> OptionalCpu(string description) => new("CPU") { Description = description, Arity = ArgumentArity.ZeroOrOne };

    /// <summary>Makes the option that sets a service's parameters.</summary>
    public static Option<string[]> Parameter() => new("--parameter", "-p") { Description = "A parameter of the service, NAME=VALUE; may be repeated" };

    /// <summary>Reads parameters as they are given on the command line.</summary>
    /// <exception cref="SosException">One has no "=", or a name is given twice.</exception>
    public static IReadOnlyDictionary<string, string> ParseParameters(IEnumerable<string>? settings)
    {
        Dictionary<string, string> parameters = [];
        foreach (string setting in settings ?? [])
        {
            int equals = setting.IndexOf('=', StringComparison.Ordinal);
            if (equals <= 0 || !parameters.TryAdd(setting[..equals], setting[(equals + 1)..]))
            {
                throw new SosException(SosError.Usage, $"\"{setting}\" is no parameter NAME=VALUE, or its name is given twice");
            }
        }

        return parameters;
    }
}
