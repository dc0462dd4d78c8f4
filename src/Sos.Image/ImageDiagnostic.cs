using System.Collections.Immutable;
using System.Globalization;
using System.IO;
using System.Text;

namespace Sos.Image;

/// <summary>Why an image was refused.</summary>
/// <param name="Id">One of <see cref="DiagnosticIds"/>.</param>
/// <param name="Message">What is wrong, in one sentence without a full stop.</param>
/// <param name="Method">The C# method that it is found in, or its address without a debug file.</param>
/// <param name="CallPath">How the entry point reaches that method, outermost first, the method itself last.</param>
/// <param name="File">Source file, if known.</param>
/// <param name="Line">Line in it, 0 if unknown.</param>
public sealed record ImageDiagnostic(
    string Id, string Message, string Method, ImmutableArray<string> CallPath, string? File = null, int Line = 0)
{
    /// <summary>The diagnostic in MSBuild's canonical format, on one line.</summary>
    /// <param name="origin">What to name where no source line is known: the image.</param>
    /// <param name="documents">The folder of the documents, for the address of the page that says more; null: no address.</param>
    public string ToCanonicalString(string origin, string? documents = null)
    {
        StringBuilder text = new();
        if (File is not null && Line > 0)
        {
            text.Append(CultureInfo.InvariantCulture, $"{File}({Line})");
        }
        else
        {
            text.Append(origin);
        }

        text.Append(CultureInfo.InvariantCulture, $": error {Id}: {Message}, in {Method}");
        if (CallPath.Length > 1)
        {
            text.Append(" [reached through ").AppendJoin(" -> ", CallPath).Append(']');
        }

        string advice = DiagnosticAdvice.For(Id);
        text.Append(advice.Length != 0 ? ". Instead: " : "").Append(advice);
        if (documents is not null)
        {
            text.Append(CultureInfo.InvariantCulture, $"; see {Id} in {Path.Combine(documents, DiagnosticAdvice.Page)}");
        }

        return text.ToString();
    }
}
