using System;
using System.Collections.Generic;
using System.Linq;
using System.Text;

namespace Sos.Ssh.Keys;

/// <summary>
/// Reads authorized_keys as OpenSSH writes it (sshd(8)). A key that cannot be used, or whose options cannot be honoured, is left out and reported: an option
/// is a restriction, and a key without it would be allowed more than its owner wrote.
/// </summary>
public static class AuthorizedKeysFile
{
    // Kinds of keys that OpenSSH knows: with these a line begins that has no options.
    private static readonly string[] Kinds =
    [
        "ssh-rsa", "ssh-dss", "ecdsa-sha2-nistp256", "ecdsa-sha2-nistp384", "ecdsa-sha2-nistp521",
        "sk-ssh-ed25519@openssh.com", "sk-ecdsa-sha2-nistp256@openssh.com", PublicKey.Algorithm,
    ];

    // What these forbid is never done here.
    private static readonly string[] Harmless = ["no-port-forwarding", "no-agent-forwarding", "no-x11-forwarding", "no-user-rc", "pty"];

    /// <summary>Reads a file's text.</summary>
    public static AuthorizedKeysResult Parse(string text)
    {
        List<AuthorizedKeyLine> keys = [];
        List<string> refusals = [];
        string[] lines = text.Split('\n');
        for (int i = 0; i < lines.Length; i++)
        {
            string line = lines[i].Trim();
            if (line.Length == 0 || line[0] == '#')
            {
                continue;
            }

            if (TryParseLine(line, i + 1, out AuthorizedKeyLine? key, out string problem))
            {
                keys.Add(key!);
            }
            else
            {
                refusals.Add($"line {i + 1}: {problem}");
            }
        }

        // OpenSSH takes the first line with a key; with another one of the same key below, it would not be seen that its options differ.
        foreach (IGrouping<string, AuthorizedKeyLine> same in keys.GroupBy(key => key.PublicKey.ToString()).Where(group => group.Count() > 1).ToList())
        {
            foreach (AuthorizedKeyLine later in same.Skip(1))
            {
                keys.Remove(later);
                refusals.Add($"line {later.Line}: the key stands in line {same.First().Line} already, which counts");
            }
        }

        return new(keys, refusals);
    }

    private static bool TryParseLine(string line, int number, out AuthorizedKeyLine? key, out string problem)
    {
        key = null;
        string rest = line;
        string options = "";
        if (!Kinds.Contains(FirstWord(rest)))
        {
            int end = EndOfOptions(rest);
            if (end < 0)
            {
                problem = "neither a key nor options with a key behind them";
                return false;
            }

            (options, rest) = (rest[..end], rest[end..].TrimStart());
        }

        string[] words = rest.Split((char[])[' ', '\t'], 3, StringSplitOptions.RemoveEmptyEntries);
        if (words.Length < 2 || !Kinds.Contains(words[0]))
        {
            problem = "no key in it";
            return false;
        }

        if (words[0] != PublicKey.Algorithm)
        {
            problem = $"a key of the kind {words[0]}; only {PublicKey.Algorithm} logs in here: make one with 'ssh-keygen -t ed25519'";
            return false;
        }

        if (PublicKey.TryParse(words[1]) is not { } publicKey)
        {
            problem = "the key is damaged";
            return false;
        }

        key = new AuthorizedKeyLine(number, publicKey, words.Length > 2 ? words[2].Trim() : "");
        return TryApplyOptions(options, key, out problem);
    }

    private static bool TryApplyOptions(string options, AuthorizedKeyLine key, out string problem)
    {
        problem = "";
        foreach (string option in SplitOptions(options))
        {
            int equals = option.IndexOf('=', StringComparison.Ordinal);
            string name = (equals < 0 ? option : option[..equals]).ToLowerInvariant();
            string? value = equals < 0 ? null : Unquote(option[(equals + 1)..]);
            switch (name)
            {
                case "restrict" or "no-pty" when value is null && equals < 0:
                    key.HasTerminal = false;
                    break;
                case "pty" when equals < 0:
                    key.HasTerminal = true;
                    break;
                case "command" when value is not null && key.Command is null && Encoding.UTF8.GetByteCount(value) <= AuthorizedKey.CommandSizeMax:
                    key.Command = value;
                    break;
                case "command":
                    problem = value is null || key.Command is not null
                        ? "the option command needs one text in double quotes"
                        : $"the command is longer than {AuthorizedKey.CommandSizeMax} bytes";
                    return false;
                case var _ when equals < 0 && Harmless.Contains(name):
                    break;
                default:
                    problem = $"the console cannot honour the option {name}, so the key is not used; remove the option if the key may do without it";
                    return false;
            }
        }

        return true;
    }

    private static string FirstWord(string text)
    {
        int end = text.AsSpan().IndexOfAny(' ', '\t');
        return end < 0 ? text : text[..end];
    }

    // Options end at the first space outside of double quotes; \" within quotes is a quote.
    private static int EndOfOptions(string text)
    {
        bool isQuoted = false;
        for (int i = 0; i < text.Length; i++)
        {
            if (text[i] == '\\' && i + 1 < text.Length && text[i + 1] == '"')
            {
                i++;
            }
            else if (text[i] == '"')
            {
                isQuoted = !isQuoted;
            }
            else if (!isQuoted && (text[i] is ' ' or '\t'))
            {
                return i;
            }
        }

        return -1;
    }

    private static List<string> SplitOptions(string options)
    {
        List<string> split = [];
        (int start, bool isQuoted) = (0, false);
        for (int i = 0; i <= options.Length; i++)
        {
            if (i < options.Length && options[i] == '\\' && i + 1 < options.Length && options[i + 1] == '"')
            {
                i++;
            }
            else if (i < options.Length && options[i] == '"')
            {
                isQuoted = !isQuoted;
            }
            else if (i == options.Length || (options[i] == ',' && !isQuoted))
            {
                if (i > start || options.Length > 0)
                {
                    split.Add(options[start..i]);
                }

                start = i + 1;
            }
        }

        return split;
    }

    private static string? Unquote(string text)
        => text.Length >= 2 && text[0] == '"' && text[^1] == '"' ? text[1..^1].Replace("\\\"", "\"", StringComparison.Ordinal) : null;
}

/// <summary>A key that may log in.</summary>
/// <param name="line">The number of its line, from 1.</param>
/// <param name="publicKey">The key.</param>
/// <param name="comment">What stands behind it.</param>
public sealed class AuthorizedKeyLine(int line, PublicKey publicKey, string comment)
{
    /// <summary>The number of its line, from 1.</summary>
    public int Line { get; } = line;

    /// <summary>The key.</summary>
    public PublicKey PublicKey { get; } = publicKey;

    /// <summary>The text behind the key.</summary>
    public string Comment { get; } = comment;

    /// <summary>Whether it may have a terminal.</summary>
    public bool HasTerminal { get; internal set; } = true;

    /// <summary>The command that it runs, whatever the client asks for; null if it may run any.</summary>
    public string? Command { get; internal set; }

    /// <summary>Returns the entry that the service reads.</summary>
    public AuthorizedKey ToEntry()
    {
        AuthorizedKey entry = new() { Options = HasTerminal ? AuthorizedKeyOptions.None : AuthorizedKeyOptions.NoTerminal };
        PublicKey.Bytes.CopyTo(entry.Key);
        entry.SetLabel(Encoding.UTF8.GetBytes(Comment));
        return Command is null || entry.TrySetCommand(Encoding.UTF8.GetBytes(Command))
            ? entry
            : throw new InvalidOperationException("a command that was not checked");
    }
}

/// <summary>The keys of a file, and what was left out.</summary>
/// <param name="Keys">The keys, in the file's order.</param>
/// <param name="Refusals">One line for each key that is not used: where, why, and what to do.</param>
public sealed record AuthorizedKeysResult(IReadOnlyList<AuthorizedKeyLine> Keys, IReadOnlyList<string> Refusals);
