using System;
using System.Collections.Generic;
using System.Globalization;
using System.IO;
using Sos.Image.Building;
using Sos.Image.Ports;

namespace Sos.Image.Tool;

/// <summary>The lines of the response file that MSBuild writes: one "name=value" each.</summary>
internal sealed class ToolArguments
{
    public string ObjectFile { get; private set; } = "";

    public string Output { get; private set; } = "";

    /// <summary>ILC, and the response file that it was run with; empty: refusals are shown where the optimised code has them.</summary>
    public string Compiler { get; private set; } = "";

    /// <summary>See <see cref="Compiler"/>.</summary>
    public string CompilerArguments { get; private set; } = "";

    /// <summary>The folder of the documents; null if the build knows none.</summary>
    public string? Documents { get; private set; }

    public List<string> Assemblies { get; } = [];

    public ImageOptions Options { get; private set; } = new() { Name = "" };

    private List<PortWish> Ports { get; } = [];

    /// <exception cref="ImageFormatException">What the service says of its ports cannot be.</exception>
    /// <exception cref="FormatException">A line is unknown, or a needed one is missing.</exception>
    public static ToolArguments Parse(IEnumerable<string> lines)
    {
        ToolArguments result = new();
        foreach (string line in lines)
        {
            if (line.Length != 0)
            {
                int equals = line.IndexOf('=');
                result.Set(equals < 0 ? line : line[..equals], equals < 0 ? "" : line[(equals + 1)..]);
            }
        }

        result.Options = result.Options with { Ports = result.Ports.Count == 0 ? null : PortWishes.Create(result.Ports) };
        return result.ObjectFile.Length != 0 && result.Output.Length != 0 && result.Options.Name.Length != 0
            ? result
            : throw new FormatException("object, output and name are needed");
    }

    private void Set(string name, string value)
    {
        switch (name)
        {
            case "object":
                ObjectFile = value;
                break;
            case "output":
                Output = value;
                break;
            case "compiler":
                Compiler = value;
                break;
            case "compiler-arguments":
                CompilerArguments = value;
                break;
            case "documents":
                Documents = value.Length == 0 ? null : Path.GetFullPath(value);
                break;
            case "assembly":
                if (File.Exists(value))
                {
                    Assemblies.Add(value);
                }

                break;
            case "name":
                Options = Options with { Name = value };
                break;
            case "version":
                Options = Options with { Version = value };
                break;
            case "stack-size":
                Options = Options with { StackSize = checked((uint)ParseSize(name, value)) };
                break;
            case "arena-size":
                Options = Options with { ArenaSize = ParseSize(name, value) };
                break;
            case "poll-bound-ns":
                Options = Options with { PollBoundNs = ParseSize(name, value) };
                break;
            case "max-image-size":
                Options = Options with { MaxImageSize = ParseSize(name, value) };
                break;
            case "asks-for":
                Options = Options with { AsksFor = ParseGrants(value) };
                break;
            case "port":
                Ports.Add(PortWishes.ParseWish(value));
                break;
            default:
                throw new FormatException($"unknown argument {name}");
        }
    }

    private static ServiceGrants ParseGrants(string value)
        => GrantNames.Parse(value, out ServiceGrants grants) is { } unknown
            ? throw new FormatException($"SosAsksFor has \"{unknown}\", which nobody can grant: it takes {GrantNames.List}, with commas between")
            : grants;

    private static ulong ParseSize(string name, string value) =>
        value.Length == 0 ? 0
        : ulong.TryParse(value, NumberStyles.None, CultureInfo.InvariantCulture, out ulong size) ? size
        : throw new FormatException($"{name} is \"{value}\", not a number of bytes or nanoseconds");
}
