using System;
using System.Linq;
using System.Text;
using Sos.RemoteConsole.Shell;
using Sos.RemoteConsole.Text;
using Xunit;

namespace Sos.RemoteConsole.Tests;

/// <summary>Keys that edit a line, and what a terminal then shows.</summary>
public sealed class LineEditorTests
{
    [Theory]
    [InlineData("help\r", "help")]
    [InlineData("hlp\x1b[D\x1b[De\r", "help")] // left, left, insert
    [InlineData("help!\x7f\r", "help")]
    [InlineData("xhelp\x01\x04\r", "help")] // ^A, ^D
    [InlineData("xhelp\x1b[H\x1b[3~\r", "help")] // home, delete
    [InlineData("help me\x17\x17help\r", "help")] // ^W twice
    [InlineData("helpx y\x1b[D\x1b[D\x1b[D\x0b\r", "help")] // ^K
    [InlineData("nohelp\x1b[D\x1b[D\x1b[D\x1b[D\x15\r", "help")] // ^U
    [InlineData("elp\x02\x02\x02\x02h\x05\r", "help")] // ^B beyond the start, ^E
    [InlineData("\x1b[Chelp\x1b[C\x1bOA\x1b[1;5Z\r", "help")] // keys that have no meaning here
    [InlineData("\u0080h\u00ffe\x01\x05lp\r", "help")] // what is no ASCII
    public void KeysEditTheLine(string keys, string expected)
    {
        (string line, string screen) = Type(keys);
        Assert.Equal(expected, line);
        Assert.Equal(expected, screen);
    }

    [Fact]
    public void EarlierLinesAreFoundAgain()
    {
        const string Up = "\x1b[A";
        const string Down = "\x1b[B";
        Assert.Equal("two", Type("one\rtwo\r" + Up + "\r").Line);
        Assert.Equal("one", Type("one\rtwo\r" + Up + Up + "\r").Line);
        Assert.Equal("one", Type("one\rtwo\r" + Up + Up + Up + "\r").Line);
        Assert.Equal("two", Type("one\rtwo\r" + Up + Up + Down + "\r").Line);
        Assert.Equal("", Type("one\r" + Up + Down + "\r").Line);
        Assert.Equal("one", Type("one\r\r\rone\r" + Up + "\r").Line); // neither empty lines nor the same again
        string many = string.Concat(Enumerable.Range(0, 40).Select(i => $"line{i}\r"));
        Assert.Equal("line24", Type(many + string.Concat(Enumerable.Repeat(Up, 50)) + "\r").Line);
    }

    [Theory]
    [InlineData("a\r\n", 1)]
    [InlineData("a\r\0", 1)]
    [InlineData("a\n", 1)]
    [InlineData("a\r\r", 2)]
    [InlineData("a\n\n", 2)]
    [InlineData("a\r\n\r\n", 2)]
    public void EveryEndOfLineIsOne(string keys, int lines)
    {
        LineEditor editor = new() { IsEchoed = true };
        TextOutput output = default;
        Assert.Equal(lines, keys.Count(key => editor.Take((byte)key, ref output) == LineResult.Finished));
    }

    [Fact]
    public void ALineHasAnEnd()
    {
        Assert.Equal(LineEditor.LengthMax, Type(new string('x', 500) + "\r").Line.Length);
    }

    [Fact]
    public void ASecretIsNotShown()
    {
        LineEditor editor = new() { IsEchoed = true, IsSecret = true };
        TextOutput output = default;
        foreach (char key in "secret\x1b[A\x7f")
        {
            _ = editor.Take((byte)key, ref output);
        }

        Assert.True(output.IsEmpty);
        Assert.Equal("secre", Encoding.ASCII.GetString(editor.Text));
    }

    /// <summary>Types keys; a line's end begins the next line, but for the last.</summary>
    private static (string Line, string Screen) Type(string keys)
    {
        LineEditor editor = new() { IsEchoed = true };
        TextOutput output = default;
        Screen screen = new();
        for (int i = 0; i < keys.Length; i++)
        {
            LineResult result = editor.Take((byte)keys[i], ref output);
            screen.Take(ref output);
            if (result == LineResult.Finished && i < keys.Length - 1)
            {
                editor.Remember();
                editor.Begin();
                screen = new Screen();
            }
        }

        return (Encoding.ASCII.GetString(editor.Text), screen.Text);
    }

    /// <summary>One line of a terminal that knows backspace and nothing else.</summary>
    private sealed class Screen
    {
        private readonly char[] _cells = Enumerable.Repeat(' ', 1000).ToArray();
        private int _cursor;

        public string Text => new string(_cells).TrimEnd();

        public void Take(ref TextOutput output)
        {
            byte[] bytes = new byte[TextOutput.Capacity];
            foreach (byte value in bytes.AsSpan(0, output.Take(bytes)))
            {
                switch (value)
                {
                    case (byte)'\b':
                        _cursor--;
                        break;
                    case >= 32:
                        _cells[_cursor++] = (char)value;
                        break;
                }
            }
        }
    }
}
