using System;
using System.Collections.Generic;
using System.Linq;
using System.Text.Json;
using System.Threading.Tasks;
using Sos.Lab.Network;
using Xunit;

namespace Sos.Lab.Tests;

/// <summary>A visit of the lab's console by telnet, from another host: somebody logs in, runs commands and leaves.</summary>
internal static class TelnetVisit
{
    /// <summary>The console's address.</summary>
    public const string Address = "10.77.0.9";

    /// <summary>The password that it asks for.</summary>
    public const string Password = "correct horse battery";

    private const string Prompt = "sos";

    // A password takes an emulated core on a busy host a minute and more.
    private static readonly TimeSpan Limit = TimeSpan.FromMinutes(5);

    /// <summary>Runs commands, each after the prompt that follows the one before.</summary>
    /// <param name="client">The visitor's host.</param>
    /// <param name="commands">The commands.</param>
    /// <returns>What the console answered.</returns>
    public static async Task<TelnetAnswers> AskAsync(LabPeer client, params string[] commands)
    {
        string[] lines =
        [
            $"exec 3<>/dev/tcp/{Address}/23", "await() { IFS= read -r -t 200 -d \"$1\" text <&3 || exit 1; printf \"%s$1\" \"$text\"; }",
            "await :", $"printf \"{Password}\\r\\n\" >&3", "await \">\"",
            .. commands.SelectMany(command => (string[])[$"printf \"{command}\\r\\n\" >&3", $"until await \">\"; [[ $text == *{Prompt} ]]; do :; done"]),
            "printf \"exit\\r\\n\" >&3", "timeout 200 cat <&3",
        ];
        CommandResult result = await client.RunAsync($"bash -c '{string.Join("\n", lines)}'", Limit);
        string[] parts = result.Output.Replace("\r", "", StringComparison.Ordinal).Split($"{Prompt}> ");
        Assert.True(result.ExitCode == 0 && parts.Length == commands.Length + 2, $"{string.Join(", ", commands)}: {result.Output}{result.Error}");
        return new TelnetAnswers(commands.Zip(parts.Skip(1)).ToDictionary(pair => pair.First, pair => pair.Second));
    }
}

/// <summary>The console's answer to each command of a visit.</summary>
/// <param name="texts">What it wrote, by command.</param>
internal sealed class TelnetAnswers(IReadOnlyDictionary<string, string> texts)
{
    /// <summary>Gets what the console wrote.</summary>
    public string this[string command] => texts[command];

    /// <summary>Reads the rows of a command's JSON.</summary>
    public List<JsonElement> Rows(string command) => [.. Parse(texts[command], '[', ']').EnumerateArray()];

    /// <summary>Reads a command's JSON of one row.</summary>
    public JsonElement Object(string command) => Parse(texts[command], '{', '}');

    private static JsonElement Parse(string answer, char first, char last)
    {
        using JsonDocument json = JsonDocument.Parse(answer[answer.IndexOf(first, StringComparison.Ordinal)..(answer.LastIndexOf(last) + 1)]);
        return json.RootElement.Clone();
    }
}
